"""`redress up` for real: the whole stack in a folder of its own, on ports of its own, with the trace viewer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.stack.mail.server import MailCatcher
from deploy.stack.ports import free_base
from deploy.stack.settings import CHECKOUT, load_settings
from tests.support.stack import Servers, environment_without_servers
from tests.support.world import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAMES = ["intake", "router", "sla", "notifier", "kafka", "postgres", "mail", "traces"]


@dataclass(frozen=True)
class Operator:
    """Somebody at a terminal."""

    home: Path
    base: int
    variables: Mapping[str, str] = field(default_factory=dict)

    def redress(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"REDRESS_HOME": str(self.home), "REDRESS_PORT_BASE": str(self.base), **self.variables}
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", *arguments],
            cwd=CHECKOUT,
            env={**environment_without_servers(), "REDRESS_CACHE": str(load_settings().cache), **own},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=200,
            check=False,
        )

    def up(self) -> str:
        done = self.redress("up")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> dict[str, dict[str, Any]]:
        processes = json.loads(self.redress("status", "--json").stdout)["processes"]
        return {process["name"]: process for process in processes}

    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "endpoints.json").read_text())
        return found

    def subjects_to(self, recipient: str) -> list[str]:
        mails = httpx.get(f"{self.endpoints()['mail']}/api/messages", params={"to": recipient}).json()
        return [mail["subject"] for mail in mails]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    made = Operator(tmp_path_factory.mktemp("up") / "state", free_base())
    try:
        yield made
    finally:
        made.redress("down")


def test_first_up_starts_everything_and_follows_a_complaint(operator: Operator) -> None:
    told = operator.up()
    for words in ("accepted as R-", "assigned to", "answer due ", "(UTC+8)", "in the mailbox of", "Demo sign-ins"):
        assert words in told
    endpoints = operator.endpoints()
    assert endpoints["intake"] == f"http://127.0.0.1:{operator.base + 1}"
    assert set(endpoints["channel_keys"]) == {"web", "phone", "store"}
    assert {"role", "department", "user", "password"} == set(endpoints["sign_ins"][0])
    assert (operator.home / "endpoints.json").stat().st_mode & 0o777 == 0o600
    status = operator.status()
    assert list(status) == NAMES
    assert {process["state"] for process in status.values()} == {"running"}
    assert {process["restarts"] for process in status.values()} == {0}


def test_its_trace_leads_through_all_services(operator: Operator) -> None:
    spans_url = operator.endpoints()["traces"].replace("/zipkin/", "/api/v2/traces")

    def services_of_longest_trace() -> set[str]:
        traces = httpx.get(spans_url, params={"limit": 100, "lookback": 3_600_000}).json()
        longest = max(traces, key=len, default=[])
        return {span["localEndpoint"]["serviceName"] for span in longest}

    wanted = {"intake", "router", "sla", "notifier"}
    wait_for(lambda: {name.removeprefix("redress-") for name in services_of_longest_trace()} >= wanted, "one trace")


def test_second_up_changes_nothing_and_says_so(operator: Operator) -> None:
    before = operator.status()
    told = operator.up()
    assert "already running, nothing changed" in told
    assert "accepted as" not in told
    after = operator.status()
    assert {name: process["pid"] for name, process in after.items()} == {n: p["pid"] for n, p in before.items()}


def test_topics_show_what_flowed(operator: Operator) -> None:
    done = operator.redress("topics", "--json")
    topics = {topic["name"]: topic for topic in json.loads(done.stdout)["topics"]}
    assert topics["complaints.intake"]["writer"] == "intake"
    assert topics["complaints.intake"]["readers"] == ["notifier", "router"]
    assert topics["complaints.intake"]["records"] >= 1
    assert len(topics["complaints.routing"]["offsets"]) == 4


@pytest.mark.fault
def test_whatever_is_killed_comes_back_and_complaints_survive(operator: Operator) -> None:
    before = operator.status()
    for name in NAMES:
        os.kill(before[name]["pid"], signal.SIGKILL)

    def all_back() -> bool:
        now = operator.status()
        return all(now[name]["state"] == "running" and now[name]["pid"] != before[name]["pid"] for name in NAMES)

    wait_for(all_back, "the return of all processes", 90)
    after = operator.status()
    assert all("killed by SIGKILL" in after[name]["why"] for name in NAMES)
    assert len(operator.subjects_to("xiaoyu.lin@customer.example")) == 1


@pytest.mark.fault
def test_killed_supervisor_is_replaced_without_a_restart_of_the_rest(operator: Operator) -> None:
    before = operator.status()
    supervisor = json.loads((operator.home / "run" / "status.json").read_text())["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGKILL)
    operator.up()
    assert {name: process["pid"] for name, process in operator.status().items()} == {
        name: process["pid"] for name, process in before.items()
    }


def test_complaints_survive_down_and_up(operator: Operator) -> None:
    done = operator.redress("down")
    assert (done.returncode, "complaints are kept" in done.stdout) == (0, True)
    assert operator.redress("status").returncode == 1
    mails_before = 1
    told = operator.up()
    assert "accepted as" in told
    wait_for(lambda: len(operator.subjects_to("xiaoyu.lin@customer.example")) >= mails_before + 1, "the second notice")
    topics = json.loads(operator.redress("topics", "--json").stdout)["topics"]
    assert next(topic for topic in topics if topic["name"] == "complaints.intake")["records"] >= 2


def test_other_ports_move_everything_and_a_viewer_switched_off_is_named_nowhere(operator: Operator) -> None:
    moved = Operator(operator.home, free_base(), {"REDRESS_TRACES": "0"})
    told = moved.up()
    reference = told.split("accepted as ")[1].split(",")[0]
    assert "one trace per complaint" not in told
    status = moved.status()
    assert list(status) == NAMES[:-1]
    assert {process["state"] for process in status.values()} == {"running"}
    endpoints = moved.endpoints()
    assert (endpoints["traces"], endpoints["kafka"]) == ("", f"127.0.0.1:{moved.base + 9}")
    shown = moved.redress("where", reference)
    assert (shown.returncode, "trace " in shown.stdout, "/zipkin/" in shown.stdout) == (0, True, False)


@pytest.mark.parametrize(("command", "code"), [("topics", 1), ("audit", 2)])
def test_a_stopped_stack_is_named_in_one_line(operator: Operator, command: str, code: int) -> None:
    operator.redress("down")
    done = operator.redress(command, "--json")
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert "does not answer" in done.stderr
    assert "make up" in done.stderr or "make status" in done.stderr


def test_reset_leaves_nothing(operator: Operator) -> None:
    assert operator.redress("reset", "--yes").returncode == 0
    assert not operator.home.exists()


def test_existing_servers_are_used_instead_of_ours_and_remembered(
    servers: Servers, mail_catcher: MailCatcher, tmp_path: Path
) -> None:
    postgres, broker = servers.new_postgres(), servers.new_broker()
    postgres.start()
    broker.start()
    variables = {
        "DATABASE_URL": postgres.url("complaints"),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "SMTP_URL": mail_catcher.smtp_url,
        "REDRESS_TRACES": "0",
    }
    operator = Operator(tmp_path / "state", free_base(), variables)
    try:
        told = operator.up()
        assert "accepted as" not in told
        assert "No first complaint is filed" in told
        assert "Kafka keeps one copy of every topic" in told
        assert list(operator.status()) == ["intake", "router", "sla", "notifier"]
        endpoints = operator.endpoints()
        assert (endpoints["mail"], endpoints["traces"], endpoints["kafka"]) == (None, "", broker.bootstrap)
        assert "one trace per complaint" not in told
        topics = json.loads(operator.redress("topics", "--json").stdout)["topics"]
        assert sum(topic["records"] for topic in topics) == 0
        assert httpx.get(f"{mail_catcher.web_url}/api/messages").json() == []
        before = operator.status()
        bare = Operator(operator.home, operator.base, {"REDRESS_PORT_BASE": ""})
        told = bare.up()
        assert f"KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap}" in told
        assert f"REDRESS_PORT_BASE={operator.base}" in told
        assert postgres.url("complaints").split("@")[1] in told
        assert postgres.url("complaints").split(":")[2].split("@")[0] not in told
        assert "already running, nothing changed" in told
        assert bare.status() == before
        refused = Operator(operator.home, operator.base, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}).redress("up")
        assert refused.returncode == 1
        assert "--servers=keep" in refused.stderr
        assert "--servers=change" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert bare.status() == before
    finally:
        operator.redress("down")
        broker.stop()
        postgres.stop()
