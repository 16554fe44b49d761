"""A service process: HTTP, consumer, relay and background tasks around one database; starts and stops in order.

It starts while Kafka or Postgres are away and keeps trying: intake accepts while Kafka is down, and answers 503 while
Postgres is down.
"""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from faststream.kafka import KafkaBroker

from shared.events.topics import Topic, types_read_by
from shared.policies.watching import PolicySource
from shared.runtime import metrics
from shared.runtime.consumer import Consumer, Handle, make_broker
from shared.runtime.dead_letters import measure_open
from shared.runtime.directory import Directory, reader_of
from shared.runtime.errors import safe_text
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.kept import kept_by
from shared.runtime.kept_policies import PolicyKeeper
from shared.runtime.membership import identity_of
from shared.runtime.ops import make_ops, serve_ops
from shared.runtime.pauses import Pauses
from shared.runtime.pg import Database
from shared.runtime.pruning import Pruner
from shared.runtime.relay import Relay
from shared.runtime.security_log import SecurityLog
from shared.runtime.server import make_server
from shared.runtime.settings import CommonSettings
from shared.runtime.signatures import KeyFile
from shared.runtime.telemetry import Tracing, current_traceparent
from shared.runtime.transaction import Tx
from shared.runtime.vault import Vault
from shared.runtime.vault_opening import CONFIGURATION, open_vault
from shared.runtime.watchdog import EXIT_CODE, Watchdog
from shared.runtime.web.company import company_of
from shared.runtime.web.install import install_web
from shared.runtime.web.look import Look, SiteUrls
from shared.runtime.web.persons import pack_of
from shared.runtime.web.sessions import Sessions

log = logging.getLogger(__name__)

_LINGERS = 14.0
"""Seconds that background tasks have to end at shutdown."""
Task = Callable[[asyncio.Event], Awaitable[None]]
Reached = Callable[[str], None]


def nothing_reached(_: str) -> None:
    """The crash-point hook outside of tests."""


class Service:
    """The parts of one service. Making it does no I/O but for reading policy, key and template files.

    Attributes:
        database: the service's own schema.
        vault: keys of persons.
        policies: the policy packs in force; read `policies.packs` anew for each batch or request.
        app: the FastAPI application.
        look: renders pages.
        tracing: records spans.
        security: the security log.
        relay: publishes the outbox.
        problem: why the process ends with an error.
        health: what this copy can do now; `needs` names the checks it must pass to be given requests.
    """

    def __init__(
        self,
        settings: CommonSettings,
        *,
        name: str,
        emits: Topic,
        title: str,
        description: str = "",
        templates: Sequence[Path] = (),
        needs: frozenset[str] = frozenset({"database", "reader"}),
        reached: Reached = nothing_reached,
    ) -> None:
        self.settings = settings
        self.name = name
        self.reached = reached
        self._emits = emits.name
        self.database = Database(
            settings.database_url.get_secret_value(), name=f"redress-{name}", size=settings.database_pool
        )
        same = settings.vault_url == settings.database_url.get_secret_value()
        self.vault_database = (
            self.database if same else Database(settings.vault_url, name=f"redress-{name}-vault", size=2)
        )
        self.vault = Vault(self.vault_database, settings.master_keys)
        self.policies = PolicySource(settings.policies_dir, settings.kept_policies, settings.owning)
        self.tracing = Tracing(name, settings)
        self.sessions = Sessions.from_file(
            settings.session_key_file,
            Directory(reader_of(self.database)),
            secure=settings.is_secure,
            idle_seconds=settings.session_idle_minutes * 60,
        )
        self.look = Look(
            templates,
            SiteUrls(
                intake=settings.public_intake_url,
                router=settings.public_router_url,
                sla=settings.public_sla_url,
                notifier=settings.public_notifier_url,
                mail=settings.public_mail_url,
                traces=settings.public_traces_url,
                docs=settings.public_docs_url,
            ),
            settings.web_assets_dir,
            service=name,
            sessions=self.sessions,
            company=lambda spoken: company_of(self.policies.packs.by_name.get(settings.default_pack), spoken),
        )
        self.event_keys = KeyFile(settings.event_keys_file, name)
        self.relay = Relay(
            self.database,
            name,
            settings.kafka,
            reached=reached,
            days=settings.outbox_days,
            signer=self.event_keys.signer,
        )
        self.health = Health(name, self.database, self.relay, needs)
        self.app: FastAPI = make_app(name, title, description, self.tracing, self.health.ready, self.health.alive)
        self.security = SecurityLog(self.database, lambda department: pack_of(department, self.policies.packs))
        install_web(self.app, self.look, self.sessions, self.security)
        self._policy_keeper = PolicyKeeper(self.database, name, self.policies)
        self.health.also |= {"vault": lambda: None if self.vault.is_open else "the vault is not open yet"}
        self.health.also |= {"policies": lambda: self._policy_keeper.told}
        self.consumer: Consumer | None = None
        self._bodies: dict[str, int] = {}
        self._tasks: dict[str, Task] = {"security log": self.security.run}
        self._spans = dict(settings.keep_days)
        self._wakers: list[Callable[[], None]] = []
        self._finishers: list[Callable[[], Awaitable[None]]] = []
        self._lingers = _LINGERS
        self._stop = asyncio.Event()
        self._all_said = asyncio.Event()
        self._exit_code = 0
        self.problem: str | None = None
        self._ends_for: str | None = None

    # -- what app.py declares ------------------------------------------------------------------------------------------

    def handles(self, handle: Handle) -> None:
        """Read the topics that `topics.py` gives this service, and hand each batch to `handle`."""
        self.consumer = self.health.consumer = Consumer(
            service=self.name,
            emits=self._emits,
            reads=types_read_by(self.name),
            handle=handle,
            database=self.database,
            tracing=self.tracing,
            signatures=self.event_keys.signatures,
            committed=self._committed,
            failed=self.fail,
            reached=self.reached,
        )

    def serves(self, *routers: APIRouter) -> None:
        """Add HTTP routes."""
        for router in routers:
            self.app.include_router(router)

    def takes(self, path: str, size: int) -> None:
        """Let the bodies of a route be larger than HTTP_BODY_BYTES: at most `size` bytes."""
        self._bodies[path] = size

    def runs(self, name: str, task: Task) -> None:
        """Run a background task: `async def task(stop)`; it ends soon after `stop` is set. If it fails it starts anew."""
        self._tasks[name] = task

    def keeps(self, name: str, days: int) -> None:
        """Keep the rows of a table of `kept.py` for so many days, unless `KEEP_DAYS` says otherwise."""
        self._spans.setdefault(name, days)

    def wakes(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each committed transaction, beside the relay's."""
        self._wakers.append(wake)

    def lingers(self, seconds: float) -> None:
        """Give background tasks so long to end at shutdown: what they wait for cannot be broken off without harm."""
        self._lingers = max(self._lingers, seconds)

    def finishes(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Await `finish` at shutdown, after HTTP has drained and before the database closes."""
        self._finishers.append(finish)

    # -- what handlers and routes use ----------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something was committed: the relay and whoever else waits look at once."""
        self._committed(1)

    def _committed(self, emitted: int) -> None:
        if emitted:
            self.relay.wake()
        for wake in self._wakers:
            wake()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction of a command: state and emitted events are committed together, then the relay is woken."""
        async with self.database.connection() as connection:
            async with connection.transaction():
                now = await connection.fetchval("SELECT clock.now()")
                tx = Tx(connection, self._emits, now, {}, current_traceparent.get())
                yield tx
                await tx.write_outbox()
            self.reached(f"CP.{self.name}.committed_before_answer")
        self.wake()

    def fail(self, why: str, code: int = EXIT_CODE) -> None:
        """End the process with an error; the supervisor starts it anew."""
        log.critical("service gives up", extra={"action": "service_fail", "why": why})
        self._exit_code = code
        self.problem = self.problem or why
        self._ends_for = self._ends_for or ("configuration" if code == CONFIGURATION else why)
        self._stop.set()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; answers the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self.database.open()
        server = self._server()
        web = asyncio.create_task(server._serve(), name="http")
        background = [
            asyncio.create_task(self._kept_alive(name, task, self._stop), name=name)
            for name, task in self._all_tasks().items()
        ]
        relay = asyncio.create_task(self._kept_alive("relay", self.relay.run, self._all_said), name="relay")
        _tune_gc()
        log.info("service started", extra={"action": "start", "port": self.settings.http_port})
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((stopped, web), return_when=asyncio.FIRST_COMPLETED)
        if web.done() and not self._stop.is_set():
            self.fail("http server ended")
        await self._shut_down(server, web, background, relay)
        return self._exit_code

    def _all_tasks(self) -> dict[str, Task]:
        watchdog = Watchdog(
            self.settings.kafka,
            self.relay,
            self.consumer,
            self.settings.watchdog_seconds,
            self.fail,
        )
        tasks: dict[str, Task] = {
            "watchdog": watchdog.run,
            "vault": lambda stop: open_vault(self.vault, stop, self.fail),
            "housekeeping": self._housekeeping,
            "past": self._remember,
            "pruning": Pruner(self.database, self.name, kept_by(self.name, self._spans)).run,
        }
        if port := self.settings.port_of_ops:
            ops = make_ops(self.app, self.look, self.health.ready, self.health.alive)
            tasks["ops"] = lambda stop: serve_ops(ops, self.settings.ops_host, port, stop)
        if self.consumer is not None:
            tasks["consumer"] = self._consume
        return tasks | self._tasks

    def _server(self) -> uvicorn.Server:
        return make_server(self.app, self.look, self.settings, self.name, self._bodies)

    async def _consume(self, stop: asyncio.Event) -> None:
        """Keep a started broker; while Kafka is away at start, try again with a growing pause."""
        assert self.consumer is not None
        identity = identity_of(self.name, self.settings.http_port, self.consumer.reads)
        pauses = Pauses(0.2, 5.0)
        while not stop.is_set():
            broker = make_broker(self.settings.kafka, f"redress-{self.name}")
            self.consumer.subscribe(broker, identity=identity, records=self.settings.batch_records)
            try:
                await self.event_keys.read_rules(self.database)
                await broker.start()
            except Exception as error:
                log.warning("kafka is away", extra={"action": "kafka_retry", "error": safe_text(error)})
                await _stop_quietly(broker)
                await asyncio.sleep(pauses.after_failure())
                continue
            await stop.wait()
            await self.consumer.stop()
            await _stop_quietly(broker)
            return

    async def _remember(self, stop: asyncio.Event) -> None:
        """Once, as soon as the database answers."""
        await self.health.remember()

    async def _housekeeping(self, stop: asyncio.Event) -> None:
        """Every few seconds: policies and gauges."""
        turn = 0
        while not stop.is_set():
            await self._policy_keeper.refresh()
            self.event_keys.refresh()
            try:
                async with asyncio.timeout(5):
                    await stop.wait()
                return
            except TimeoutError:
                turn += 1
            if turn % 2 == 0:
                await self.relay.measure()
                await self.event_keys.read_rules(self.database)
            if turn % 12 == 0:
                await self._measure_database()

    async def _measure_database(self) -> None:
        now = await self.database.fetchval("SELECT clock.now()")
        metrics.CLOCK_DRIFT.labels(self.name).set(now.timestamp() - time.time())
        metrics.CALENDAR_ENDS.clear()
        for pack, calendar, days in self.policies.packs.days_left(now):
            metrics.CALENDAR_ENDS.labels(self.name, pack, calendar).set(days)
        await measure_open(self.database, self.name)

    async def _kept_alive(self, name: str, task: Task, stop: asyncio.Event) -> None:
        """Run a task; when it fails, say so and start it again after a growing pause."""
        pauses = Pauses(0.2, 10.0)
        while not stop.is_set():
            try:
                await task(stop)
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.error("task failed", extra={"action": "task_retry", "task": name}, exc_info=error)
                await asyncio.sleep(pauses.after_failure())

    async def _shut_down(
        self,
        server: uvicorn.Server,
        web: "asyncio.Task[None]",
        background: Sequence["asyncio.Task[None]"],
        relay: "asyncio.Task[None]",
    ) -> None:
        """First no new requests, then no new batches, then the last events leave, then the connections close."""
        self._stop.set()
        server.should_exit = True
        await _within(10, web)
        for finish in self._finishers:
            await _within(5, asyncio.ensure_future(finish()))
        await _within(self._lingers, asyncio.gather(*background, return_exceptions=True))
        self._all_said.set()
        self.relay.wake()
        await _within(5, relay)
        if self._ends_for is not None:
            await self.health.record(self._ends_for)
        await self.database.close()
        if self.vault_database is not self.database:
            await self.vault_database.close()
        await asyncio.to_thread(self.tracing.shutdown)
        log.info("service stopped", extra={"action": "stop", "code": self._exit_code})


async def _within(seconds: float, awaitable: "asyncio.Future[Any]") -> None:
    _, pending = await asyncio.wait((awaitable,), timeout=seconds)
    if pending:
        awaitable.cancel()
        await asyncio.wait((awaitable,), timeout=1)


async def _stop_quietly(broker: KafkaBroker) -> None:
    """Stop a broker object. Without a broker aiokafka raises CancelledError into the caller; that is no news."""
    try:
        async with asyncio.timeout(13):
            await broker.stop()
    except (Exception, asyncio.CancelledError):
        log.debug("broker object stopped with an error", extra={"action": "broker_stop"})


def _tune_gc() -> None:
    """Leave what was loaded at start out of every collection (p99 at 64 clients 43 → 20 ms)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
