"""The small parts of the local stack, without starting anything."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.stack import artifacts, java, preflight
from deploy.stack.artifacts import ArtifactCache, locked
from deploy.stack.errors import StackError
from deploy.stack.kafka import KafkaBroker
from deploy.stack.ports import FIRST_EPHEMERAL, Ports, free_base, free_ports
from deploy.stack.process import ProcessSpec, last_line, plain_environment
from deploy.stack.record import Identity, Planned, Recorded, RunFolder, Status, digest
from deploy.stack.services import as_role
from deploy.stack.settings import StackSettings
from deploy.stack.stack import Wanted, _planned
from deploy.stack.state import StateFolder
from deploy.stack.supervisor import rotate
from deploy.stack.terminal import Terminal


def test_default_ports_are_the_documented_ones() -> None:
    ports = Ports.at(8100)
    assert (ports.intake, ports.router, ports.sla, ports.notifier) == (8101, 8102, 8103, 8104)
    assert (ports.mail, ports.traces, ports.kafka, ports.postgres) == (8105, 8106, 8109, 8110)


def test_test_ports_cannot_be_stolen_by_a_reconnecting_client() -> None:
    found = free_ports(5)
    assert len(set(found)) == 5
    assert max(found) < FIRST_EPHEMERAL
    assert free_base() + 10 < FIRST_EPHEMERAL


def test_every_artifact_is_pinned_by_hash() -> None:
    pinned = locked("kafka", "traces", "web", "test")
    assert len(pinned) > 45
    assert all(len(artifact.sha256) == 64 and artifact.size > 0 for artifact in pinned)
    assert len({artifact.filename for artifact in pinned}) == len(pinned)
    wanted = {text.split(":")[1] for texts in artifacts.WANTED.values() for text in texts}
    assert wanted <= {artifact.name for artifact in pinned}


def test_half_downloaded_jar_counts_as_missing(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    first = locked("web")[0]
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / first.filename).write_bytes(b"half")
    assert first in cache.missing("web")


@pytest.mark.parametrize(
    ("release", "major"),
    [('JAVA_VERSION="17.0.15"', 17), ('JAVA_VERSION="25.0.2"\nX="y"', 25), ('JAVA_VERSION="21"', 21)],
)
def test_java_version_is_read_without_starting_a_jvm(tmp_path: Path, release: str, major: int) -> None:
    command = tmp_path / "bin" / "java"
    command.parent.mkdir()
    command.write_text("#!/bin/false\n")
    command.chmod(0o755)
    (tmp_path / "release").write_text(release)
    found = java.find_java(command)
    assert found is not None
    assert found.major == major
    assert ("AOTCache" in found.archive_flags(tmp_path / "a")[0]) == (major >= 25)


def test_free_ports_pass_and_taken_ones_name_the_holder() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} \\(for Kafka\\) is taken by pid"):
            preflight.check_ports({"Kafka": port}, [])
        import os

        preflight.check_ports({"Kafka": port}, [os.getpid()])


def test_existing_servers_are_not_started() -> None:
    settings = StackSettings(
        kafka_bootstrap_servers="k:9092", database_url="postgresql://h/d", smtp_url="smtp://m", redress_traces=False
    )
    wanted = Wanted.by(settings)
    assert (wanted.kafka, wanted.postgres, wanted.mail, wanted.traces, wanted.java) == (False,) * 5
    assert wanted.parts == ("web",)


def test_empty_variables_mean_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "SMTP_URL", "REDRESS_JAVA", "REDRESS_TRACES"):
        monkeypatch.setenv(name, "")
    settings = StackSettings()
    assert settings.redress_java is None
    assert Wanted.by(settings) == Wanted(kafka=True, postgres=True, mail=True, traces=True)


def test_role_replaces_user_and_password_only() -> None:
    dsn = as_role("postgresql://admin:x@h:5432/redress?sslmode=require", "redress_sla", "p@ss")
    assert dsn == "postgresql://redress_sla:p%40ss@h:5432/redress?sslmode=require"


def test_secrets_are_private_and_stay_the_same(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "home")
    state.open()
    first = state.passwords("roles", ["intake", "sla"])
    assert state.passwords("roles", ["intake", "sla", "router"])["sla"] == first["sla"]
    key = state.key_file("master.key")
    assert len(key.read_bytes()) == 32
    assert state.key_file("master.key").read_bytes() == key.read_bytes()
    endpoints = state.write_endpoints({"intake": "http://127.0.0.1:8101"})
    for path in (key, endpoints, state.keys / "roles.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.keys.stat().st_mode) == 0o700


def test_plan_and_status_survive_the_way_through_files(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    spec = ProcessSpec(
        name="x",
        argv=("/bin/true", "1"),
        env={"A": "b"},
        log=tmp_path / "x.log",
        cwd=tmp_path,
        user=(5, 6),
        handed=("/data",),
    )
    plan = [Planned(spec=spec, tier=2, fingerprint="f")]
    run.write_plan(plan)
    assert run.read_plan() == plan
    assert digest(run.read_plan()[0]) == digest(plan[0])
    status = Status(
        supervisor=Identity(1, 2.0), processes={"x": Recorded(name="x", identity=Identity(3, 4.0), why="w", restarts=2)}
    )
    run.write_status(status)
    assert run.read_status() == status
    assert stat.S_IMODE(run.plan_file.stat().st_mode) == 0o600


def test_files_of_another_version_are_read_without_what_is_new_there(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    spec = ProcessSpec(name="x", argv=("/bin/true",), log=tmp_path / "x.log", cwd=tmp_path)
    run.write_plan([Planned(spec=spec, tier=2)])
    run.write_status(Status(supervisor=Identity(1, 2.0), processes={"x": Recorded(name="x")}))
    for file in (run.plan_file, run.status_file):
        file.write_text(file.read_text().replace('"name":', '"colour": "green", "name":'))
    assert run.read_plan() == [Planned(spec=spec, tier=2)]
    assert run.read_status().processes == {"x": Recorded(name="x")}


@pytest.mark.parametrize("content", ["", "{", "null", '{"supervisor": null}'])
def test_damaged_status_means_nothing_runs(tmp_path: Path, content: str) -> None:
    run = RunFolder(tmp_path)
    run.folder.mkdir()
    run.status_file.write_text(content)
    assert run.read_status() == Status()


def test_large_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(b"%d" % number * 100)
            rotate(log, limit=100, kept=3)
        writer.write(b"last")
    assert log.read_bytes() == b"last"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["x.log", "x.log.1", "x.log.2", "x.log.3"]
    assert (tmp_path / "x.log.1").read_bytes() == b"4" * 100


def test_last_line_skips_blank_ones(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("first\nboom: no table\n\n  \n")
    assert last_line(log) == "boom: no table"
    assert last_line(tmp_path / "none") == "no log"


def test_last_words_of_a_service_are_its_message(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text('{"at": "2026", "level": "CRITICAL", "message": "service gives up", "why": "no progress"}\n')
    assert last_line(log) == "service gives up: no progress"


def test_children_do_not_inherit_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/7")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert {"SSH_TTY", "PYTHONPATH"} & plain_environment().keys() == set()


def test_plain_table_lines_up_chinese_text(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(lively=False).table("T", ("who", "x"), [("物流", "1"), ("ab", "2")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["  物流  1", "  ab    2"]


def test_download_without_a_terminal_prints_a_line_per_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(lively=False)
    with terminal.download("fetching", 8 << 20) as progress:
        for _ in range(64):
            progress(1 << 17, 8 << 20)
    assert capsys.readouterr().out.count("fetching") == 5


def test_kafka_on_other_ports_is_another_plan(tmp_path: Path) -> None:
    """Its ports are in a file, not in the command line; unnoticed, it would stay where it was."""
    plans = []
    for ports in ((8109, 8108), (8309, 8308)):
        found = java.Java(path=Path("/usr/bin/java"), version="21")
        broker = KafkaBroker(tmp_path, *ports, java=found, jars=(), archives=tmp_path)
        plans.append(_planned(broker, tier=1))
    assert plans[0].spec == plans[1].spec
    assert digest(plans[0]) != digest(plans[1])
