"""The supervisor as a real daemon over small processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deploy.stack import supervisor
from deploy.stack.control import Control
from deploy.stack.ports import free_ports
from deploy.stack.process import ProcessSpec, plain_environment
from deploy.stack.record import Identity, Planned, Recorded, RunFolder, Status, digest
from deploy.stack.settings import CHECKOUT
from tests.support.world import wait_for

_SLEEPER = "import signal; print('ready to serve', flush=True); signal.pause()"
#: Writes its name into a common file when it is told to stop.
_WITNESS = """
import signal, sys
def leave(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
    raise SystemExit
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(RunFolder(tmp_path))
    yield made
    made.stop(lambda _line: None)


def planned(home: Path, name: str, code: str = _SLEEPER, *arguments: str, tier: int = 1) -> Planned:
    spec = ProcessSpec(
        name=name,
        argv=(sys.executable, "-I", "-S", "-c", code, *arguments),
        env=plain_environment(),
        log=home / "logs" / f"{name}.log",
        cwd=home,
        grace=3.0,
    )
    return Planned(spec=spec, tier=tier)


def record(control: Control, name: str) -> Recorded:
    return control.run.read_status().processes[name]


def let_go(control: Control) -> dict[str, Identity]:
    """What runs, once nothing of it is held by its supervisor any more: a child that it does not know yet ends with it."""

    def all_are() -> bool:
        return not any("launcher.py" in " ".join(psutil.Process(one.pid).cmdline()) for one in control.alive().values())

    wait_for(all_are, "the children that run on their own")
    return dict(control.alive())


def restarted(control: Control, name: str, times: int) -> Callable[[], bool]:
    def look() -> bool:
        found = record(control, name)
        return found.restarts >= times and found.state == "running" and name in control.alive()

    return look


def said(log: Path, words: str) -> bool:
    return log.exists() and words in log.read_text()


def kill_supervisor(control: Control) -> None:
    found = control.supervisor()
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    wait_for(lambda: control.supervisor() is None, "the end of the supervisor")


def test_killed_process_comes_back_and_the_reason_is_on_record(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "one")])
    wait_for(lambda: said(tmp_path / "logs" / "one.log", "ready to serve"), "the process")
    os.kill(control.alive()["one"].pid, signal.SIGKILL)
    wait_for(restarted(control, "one", 1), "the restart")
    assert record(control, "one").why.endswith("Z killed by SIGKILL")


def test_failing_process_is_restarted_with_growing_pauses(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "bad", "raise SystemExit('no such table')")])
    wait_for(lambda: record(control, "bad").restarts >= 3, "three restarts")
    found = record(control, "bad")
    assert "exit code 1: no such table" in found.why
    # 0.1 + 0.5 + 1.0 s of pauses come before the fourth start.
    assert (tmp_path / "logs" / "bad.log").read_text().count("no such table") <= 4


#: Answers the first requests and then hangs, as a JVM short of memory does.
_HANGS = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    left = 2
    def do_GET(self):
        Handler.left -= 1
        if Handler.left < 0:
            time.sleep(600)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_process_that_hangs_is_restarted_and_the_reason_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_ASKED", 0.2)
    (port,) = free_ports(1)
    plan = planned(tmp_path, "viewer", _HANGS, str(port))
    plan = replace(plan, spec=replace(plan.spec, health=f"http://127.0.0.1:{port}/"))
    run = RunFolder(tmp_path)
    run.write_plan([plan])
    one = supervisor.Supervisor(run)
    one.follow_plan()
    try:
        first = one.children["viewer"].record.identity

        def restarted() -> bool:
            one.look_after()
            found = run.read_status().processes["viewer"]
            return found.restarts == 1 and found.identity not in (None, first)

        wait_for(restarted, "the restart of what hangs")
        assert "did not answer for 2 s and was killed by SIGKILL" in run.read_status().processes["viewer"].why
    finally:
        one.stop(["viewer"])


def test_second_supervisor_is_not_started(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "one")])
    first = control.supervisor()
    control.ensure_supervisor()
    assert control.supervisor() == first


def test_children_of_a_killed_supervisor_go_on_and_are_adopted(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "one"), planned(tmp_path, "two")])
    before = let_go(control)
    supervisor = control.supervisor()
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for(lambda: control.supervisor() is None, "the end of the supervisor")
    assert control.alive() == before
    control.ensure_supervisor()
    assert control.alive() == before
    os.kill(before["one"].pid, signal.SIGKILL)
    wait_for(restarted(control, "one", 1), "the restart of an adopted process")
    assert control.alive()["two"] == before["two"]


def test_child_that_died_while_nobody_looked_is_restarted_and_counted(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "one")])
    supervisor, child = control.supervisor(), let_go(control)["one"]
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: control.supervisor() is None and not child.is_alive(), "the end of both")
    control.ensure_supervisor()
    wait_for(restarted(control, "one", 1), "the restart")
    assert " ended" in record(control, "one").why


def test_what_a_killed_supervisor_left_can_be_stopped(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "one")])
    left = let_go(control)["one"]
    supervisor = control.supervisor()
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for(lambda: control.supervisor() is None, "the end of the supervisor")
    assert control.stop(lambda _line: None)
    assert not left.is_alive()
    assert not control.stop(lambda _line: None)


def test_what_a_killed_supervisor_left_is_stopped_when_no_plan_names_it_any_more(
    control: Control, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    control.follow([planned(tmp_path, "server"), planned(tmp_path, "service", _WITNESS, str(order), "service", tier=2)])
    wait_for(lambda: said(tmp_path / "logs" / "service.log", "up"), "the service")
    before = control.alive()
    kill_supervisor(control)
    control.follow([planned(tmp_path, "server", _SLEEPER + " # on another port")])
    assert not before["service"].is_alive()
    assert not before["server"].is_alive()
    assert order.read_text() == "service\n"
    assert set(control.alive()) == {"server"}


def test_what_no_plan_names_any_more_is_stopped_by_down(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "server"), planned(tmp_path, "service", tier=2)])
    before = control.alive()
    kill_supervisor(control)
    control.run.write_plan([planned(tmp_path, "server", _SLEEPER + " # changed")])
    assert control.stop(lambda _line: None)
    assert not any(identity.is_alive() for identity in before.values())


def test_process_that_nobody_recorded_never_becomes_the_command(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    plan = planned(tmp_path, "one", "import sys; open(sys.argv[1], 'w')", str(marker))
    starter = "import os; from tests.integration.stack.test_supervisor import planned; from pathlib import Path; "
    starter += f"p, _ = planned(Path({str(tmp_path)!r}), 'one', *{plan.spec.argv[4:]!r}).spec.spawn_held(); "
    starter += "print(p.pid, flush=True); os.kill(os.getpid(), 9)"
    told = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    pid = int(told.stdout)
    wait_for(lambda: Identity.of(pid) is None, "the end of the process")
    assert not marker.exists()


def test_supervisor_of_another_version_is_replaced_and_what_it_runs_goes_on(control: Control, tmp_path: Path) -> None:
    control.follow([planned(tmp_path, "one")])
    before, old = control.alive(), control.supervisor()
    status = control.run.read_status()
    status.code = "older"
    control.run.write_status(status)
    control.follow([planned(tmp_path, "one")])
    assert control.supervisor() != old
    assert control.alive() == before


def test_same_plan_changes_nothing_and_a_changed_one_only_what_changed(control: Control, tmp_path: Path) -> None:
    same = planned(tmp_path, "same")
    control.follow([same, planned(tmp_path, "other")])
    before = control.alive()
    control.follow([same, planned(tmp_path, "other")])
    assert control.alive() == before
    control.follow([same, planned(tmp_path, "other", _SLEEPER + " # changed"), planned(tmp_path, "new")])
    after = control.alive()
    assert after["same"] == before["same"]
    assert after["other"] != before["other"]
    assert "new" in after
    control.follow([same])
    assert set(control.alive()) == {"same"}


def test_services_stop_before_what_they_stand_on(control: Control, tmp_path: Path) -> None:
    order = tmp_path / "order"
    names = {"database": 0, "broker": 1, "service": 2}
    control.follow([planned(tmp_path, name, _WITNESS, str(order), name, tier=tier) for name, tier in names.items()])
    for name in names:
        wait_for(lambda name=name: said(tmp_path / "logs" / f"{name}.log", "up"), name)
    control.stop(lambda _line: None)
    assert order.read_text().split() == ["service", "broker", "database"]


def test_process_that_ignores_the_request_is_killed_after_its_grace(control: Control, tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
    control.follow([planned(tmp_path, "deaf", deaf)])
    wait_for(lambda: said(tmp_path / "logs" / "deaf.log", "up"), "the process")
    left = control.alive()["deaf"]
    control.stop(lambda _line: None)
    assert not left.is_alive()


def test_stale_record_is_not_taken_for_a_living_process(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    plan = planned(tmp_path, "one")
    run.write_plan([plan])
    # Our own id with another start time: as after a reboot, when the id belongs to somebody else.
    stranger = Identity(os.getpid(), 1.0)
    gone = Recorded(name="one", identity=stranger, state="running", digest=digest(plan))
    run.write_status(Status(supervisor=stranger, processes={"one": gone}))
    control = Control(run)
    assert control.supervisor() is None
    assert control.alive() == {}
    assert not control.stop(lambda _line: None)
