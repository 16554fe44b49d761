"""The whole of Redress for a test: four real processes, a broker, a database and a mailbox of their own.

What a test does to it is real too: processes are killed by process id, the broker is restarted. Nothing restarts by
itself here; a test says when.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from deploy.keys.event_keys import make_missing
from deploy.stack.kafka import KafkaBroker
from deploy.stack.mail.server import MailCatcher
from deploy.stack.ports import Ports, free_base
from deploy.stack.process import ProcessSpec
from deploy.stack.services import NAMES, Surroundings, is_ready, ops_url_of, service_spec, url_of
from deploy.stack.topics import create_topics
from shared.runtime.kafka_access import KafkaAccess
from tests.support.stack import Database, Servers, run

CHANNELS = ("web", "phone", "store")
PASSWORD = "correct horse battery"
DEPARTMENTS_ROLES = ("handler", "lead")


def wait_for(condition: Callable[[], Any], what: object, seconds: float = 40) -> Any:
    """Wait until the condition holds and answer its value; fail with what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was answered: the client's own log, for the auditor."""

    status: int
    key: str
    body: dict[str, Any]


class World:
    """A running Redress."""

    def __init__(
        self,
        servers: Servers,
        home: Path,
        *,
        database: Database | None = None,
        vault: Database | None = None,
        broker: KafkaBroker | None = None,
        kafka: Callable[[str], KafkaAccess] | None = None,
        **environment: str,
    ) -> None:
        self.vault = vault
        self.servers = servers
        self.home = home
        self.ports = Ports.at(free_base())
        self.environment = environment
        self.database = database or servers.create_database(*NAMES)
        self.broker = broker or servers.new_broker()
        self._kafka = kafka or (lambda _: KafkaAccess(self.broker.bootstrap))
        self.mailbox = MailCatcher(home, self.ports.smtp, self.ports.mail)
        self.client_log: list[Told] = []
        self.keys: dict[str, str] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._around = self._surroundings()
        self.http = httpx.Client(timeout=20, headers={"Accept": "application/json"})
        self._tokens: dict[str, str] = {}

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        if not self.broker.is_ready():
            self.broker.start()
        self.mailbox.start()
        run(create_topics(self._kafka("operator")))
        self._prepare_people()
        for name in NAMES:
            self.launch(name)
        self.wait_ready()

    def stop(self) -> None:
        """Stop everything and remove its state."""
        self.http.close()
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.mailbox.stop()
        self.broker.stop()
        self.servers.drop_database(self.database)

    def launch(self, name: str, *, crash_at: str | None = None, nth: int = 1) -> subprocess.Popen[bytes]:
        """Start one service, perhaps one that will kill itself at a crash point."""
        spec = self.spec(name)
        if crash_at is not None:
            spec = replace(spec, argv=(sys.executable, "-m", "tests.support.crashing", name, crash_at, str(nth)))
        self._processes[name] = spec.spawn()
        return self._processes[name]

    def spec(self, name: str) -> ProcessSpec:
        """How a service is run here."""
        spec = service_spec(name, replace(self._around, kafka=self._kafka(name)))
        return replace(spec, env={**spec.env, "LOG_LEVEL": "INFO", **self.environment})

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process of a service, running or not."""
        return self._processes[name]

    def adopt(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Take a process that was started in another way for this service's."""
        self._processes[name] = process

    def kill(self, name: str) -> None:
        """SIGKILL one service."""
        process = self._processes[name]
        process.kill()
        process.wait(10)

    def restart(self, name: str, *, crash_at: str | None = None) -> None:
        """SIGTERM one service, wait for its end and start it again."""
        process = self._processes[name]
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        self.launch(name, crash_at=crash_at)
        self.wait_ready(name)

    def revive(self) -> None:
        """Launch what is not running and wait until all of it is ready."""
        for name in NAMES:
            if self._processes[name].poll() is not None:
                self.launch(name)
        self.wait_ready()

    def wait_crash(self, name: str, seconds: float = 40) -> None:
        """Wait until a service launched with a crash point has killed itself there."""
        process = self._processes[name]
        wait_for(lambda: process.poll() is not None, f"{name} reaches its crash point", seconds)
        assert process.returncode == -signal.SIGKILL, (
            f"{name} ended with {process.returncode}\n{self.log(name)[-3000:]}"
        )

    def wait_ready(self, *names: str) -> None:
        """Wait until services are ready."""
        for name in names or NAMES:
            url = url_of(self.ports, name)

            def ready(name: str = name, url: str = url) -> bool:
                code = self._processes[name].poll()
                assert code is None, f"{name} ended with {code}\n{self.log(name)[-3000:]}"
                return is_ready(url)

            wait_for(ready, f"{name} is ready")

    def log(self, name: str) -> str:
        """What a service logged."""
        path = self.spec(name).log
        return path.read_text("utf-8") if path.exists() else ""

    # -- people --------------------------------------------------------------------------------------------------------

    def url(self, service: str) -> str:
        """Base address of a service."""
        return url_of(self.ports, service)

    def ops(self, service: str) -> str:
        """Base address of a service's metrics and API document."""
        return ops_url_of(self.ports, service)

    def file(
        self, text: str, *, channel: str = "web", language: str = "en", key: str | None = None, **more: Any
    ) -> httpx.Response:
        """File a complaint as an integrator does; the answer goes into the client's log."""
        key = key or str(uuid.uuid4())
        body = {"channel": channel, "language": language, "text": text, **more}
        body.setdefault("customer", {"name": "Li Hua", "email": f"{secrets.token_hex(4)}@example.com"})
        answer = self.http.post(
            f"{self.url('intake')}/v1/complaints",
            json=body,
            headers={"Authorization": f"Bearer {self.keys[channel]}", "Idempotency-Key": key},
        )
        self.client_log.append(Told(answer.status_code, key, answer.json()))
        return answer

    def staff(self, user: str) -> dict[str, str]:
        """Headers of a signed-in member of staff."""
        if user not in self._tokens:
            self._tokens[user] = self._sign_in(user)
        return {"Authorization": f"Bearer {self._tokens[user]}"}

    def somebody_else(self) -> dict[str, str]:
        """Headers of a member of staff whom no other call signed in."""
        user = next(m["user"] for m in self.members if m["user"] not in self._tokens and m["user"].startswith("bank-"))
        return self.staff(user)

    def _sign_in(self, user: str) -> str:
        answer = self.http.post(f"{self.url('router')}/v1/sign-in", json={"user": user, "password": PASSWORD})
        return str(answer.raise_for_status().json()["token"])

    def act(self, user: str, reference: str, action: str, **body: Any) -> httpx.Response:
        """One staff action on a case."""
        return self.http.post(
            f"{self.url('router')}/v1/cases/{reference}/{action}", json=body, headers=self.staff(user)
        )

    def case(self, reference: str, user: str = "office") -> dict[str, Any]:
        """The case as the complaints office sees it; empty while it is not there."""
        answer = self.http.get(f"{self.url('router')}/v1/cases/{reference}", headers=self.staff(user))
        if answer.status_code == 404:
            return {}
        return dict(answer.raise_for_status().json())

    def case_when(self, reference: str, condition: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        """The case once something is true of it."""

        def look() -> dict[str, Any] | None:
            found = self.case(reference)
            return found if found and condition(found) else None

        return dict(wait_for(look, f"{reference}: {what}"))

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What the mailbox holds, newest first."""
        answer = self.http.get(f"{self.mailbox.web_url}/api/messages", params={"to": to} if to else {})
        return list(answer.raise_for_status().json())

    def mail_when(self, to: str, condition: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        """The first mail to somebody of which something is true."""
        return dict(wait_for(lambda: next(filter(condition, self.mails(to)), None), f"mail to {to}: {what}"))

    def customer(self, progress_url: str, action: str, **form: str) -> httpx.Response:
        """What the customer does on the private progress page."""
        return self.http.post(f"{progress_url}/{action}", data=form)

    def write_client_log(self) -> Path:
        """The client's log as a file the auditor reads."""
        path = self.home / "client.jsonl"
        lines = (json.dumps({"status": t.status, "idempotency_key": t.key, **t.body}) for t in self.client_log)
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def endpoints(self) -> Path:
        """An `endpoints.json` as the local stack writes it, so that operators' commands work here too."""
        path = self.home / "endpoints.json"
        path.write_text(
            json.dumps(
                {
                    **{name: self.url(name) for name in NAMES},
                    "ops": {name: self.ops(name) for name in NAMES},
                    "mail": self.mailbox.web_url,
                    "traces": None,
                    "kafka": self.broker.bootstrap,
                    "kafka_security": self._kafka("operator").security.model_dump(mode="json"),
                    "postgres": self.database.url,
                    "channel_keys": self.keys,
                    "sign_ins": [
                        {"role": m["role"], "department": m["department"], "user": m["user"], "password": PASSWORD}
                        for m in self.members
                    ],
                }
            )
        )
        return path

    # -- making --------------------------------------------------------------------------------------------------------

    @property
    def members(self) -> list[dict[str, str]]:
        """Staff of these tests: a handler and a lead per department, an agent, an operator, the office."""
        from shared.policies.packs import load_packs

        packs = load_packs(Path(__file__).parents[2] / "deploy" / "policies")
        found = [
            {"user": f"{department.id}-{role}", "role": role, "department": department.id, "password": PASSWORD}
            for department in packs.departments
            for role in DEPARTMENTS_ROLES
        ]
        retail = packs["retail"]
        for user, role in (("office", "office"), ("agent", "agent"), ("operator", "operator")):
            found.append({"user": user, "role": role, "department": retail.office.id, "password": PASSWORD})
        return found

    def _prepare_people(self) -> None:
        for channel in CHANNELS:
            self.keys[channel] = f"test-{secrets.token_urlsafe(24)}"
            client = ("client", "add", "--client", f"test-{channel}", "--channel", channel, "--key-stdin")
            self.command("intake", *client, stdin=self.keys[channel])
        self.command("router", "staff", "load", stdin=json.dumps(self.members))

    def command(self, service: str, *arguments: str, stdin: str = "") -> str:
        """Run a command of a service; answers what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", f"services.{service}", *arguments],
            env=self.spec(service).env,
            cwd=self.spec(service).cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def operator(self, *arguments: str) -> str:
        """Run an operator's command, `redress …`; answers what it printed."""
        self.endpoints()
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", *arguments],
            env={**self.spec("intake").env, "REDRESS_HOME": str(self.home)},
            cwd=self.spec("intake").cwd,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _surroundings(self) -> Surroundings:
        keys = self.home / "keys"
        keys.mkdir(parents=True, exist_ok=True)
        (keys / "master.key").write_bytes(secrets.token_bytes(32))
        (keys / "session.key").write_text(secrets.token_hex(32))
        make_missing(keys / "events")
        return Surroundings(
            home=self.home,
            ports=self.ports,
            database=self.database.url,
            passwords=self.database.passwords,
            kafka=self.broker.bootstrap,
            smtp=self.mailbox.smtp_url,
            mail=self.mailbox.web_url,
            traces="",
            spans="",
            master_key=keys / "master.key",
            session_key=keys / "session.key",
            event_keys=keys / "events",
            web_assets=self.servers.web_assets(),
            vault=self.vault.url if self.vault else None,
        )


@contextmanager
def world(servers: Servers, home: Path, **environment: str) -> Iterator[World]:
    """A running Redress until the block ends."""
    made = World(servers, home, **environment)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(home, ignore_errors=True)
