"""Real servers for tests: one Postgres, one Kafka and one mail catcher per session, on free ports, started when asked.

`DATABASE_URL` (an administrator's DSN) and `KAFKA_BOOTSTRAP_SERVERS` use existing servers instead.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.stack import archive
from deploy.stack.artifacts import ArtifactCache
from deploy.stack.java import find_java, install_java
from deploy.stack.kafka import KafkaBroker
from deploy.stack.ports import free_ports
from deploy.stack.postgres import PostgresServer
from deploy.stack.settings import load_settings
from shared.events.topics import DEAD_LETTERS, TOPICS
from shared.runtime.bootstrap import SERVICES, bootstrap
from shared.runtime.migrate import migrate
from tests.support import containers

T = TypeVar("T")
ROLES = (*SERVICES, "auditor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database of its own with the schemas `clock` and `vault` and the role of every service.

    Attributes:
        name: Its name.
        url: The administrator's DSN.
        passwords: Role without `redress_` → password; empty when the server is not ours.
    """

    name: str
    url: str
    passwords: dict[str, str] = field(repr=False)

    def url_of(self, service: str) -> str:
        """DSN that acts as `redress_<service>`; on a server that is not ours as administrator in that role."""
        if service not in self.passwords:
            return f"{self.url}{'&' if '?' in self.url else '?'}role=redress_{service}"
        parts = urlsplit(self.url)
        host = f"redress_{service}:{self.passwords[service]}@{parts.hostname}:{parts.port}"
        return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))

    def migrate(self, *services: str) -> None:
        """Apply the migrations of the runtime and of each service named."""
        for service in services:
            run(migrate(self.url, service, ("shared.runtime", f"services.{service}")))

    def execute(self, sql: str, *args: object) -> None:
        """Run one statement as administrator."""
        run(execute(self.url, sql, *args))

    def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run one query as administrator."""
        return run(fetch(self.url, sql, *args))

    def freeze_clock(self, at: str) -> None:
        """Make `clock.now()` answer `at` (ISO 8601 with zone) in this database from now on."""
        self.execute(
            "CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
            f"$$ SELECT timestamptz '{at}' $$"
        )


class Servers:
    """Starts each server at the first request and stops all at the end of the session.

    Attributes:
        server: the Postgres that was started here, for those who stop it; `None` before that, or when it is another's.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None) -> None:
        """Args: folders: where the state of `postgres` and `kafka` lies; default: temporary folders."""
        self._folders = folders or {}
        self.server: PostgresServer | None = None
        self._cleanup = ExitStack()
        self._lock = threading.Lock()
        self._settings = load_settings()
        self._postgres: str | None = self._settings.database_url
        self._kafka: str | None = self._settings.kafka_bootstrap_servers
        self._ours = self._postgres is None
        self._containers = os.environ.get("REDRESS_TEST_BACKEND") == "containers"
        self._passwords: dict[str, str] = {}

    def close(self) -> None:
        """Stop what was started and remove its state."""
        self._cleanup.close()

    def describe(self) -> str:
        """One line for the header of the test report."""
        how = "in a container" if self._containers else "embedded"
        postgres = f"Postgres 18 {how}" if self._ours else "Postgres from DATABASE_URL"
        kafka = f"Kafka {how}" if self._kafka is None else "Kafka from KAFKA_BOOTSTRAP_SERVERS"
        return f"redress: {postgres}, {kafka}"

    def postgres(self) -> str:
        """The administrator's DSN."""
        with self._lock:
            if self._postgres is None and self._containers:
                self._postgres = self._contained(containers.start_postgres)
                self._passwords = _new_passwords()
            if self._postgres is None:
                server = PostgresServer(self._home("postgres"), free_ports(1)[0], max_connections=200)
                server.start()
                self._cleanup.callback(server.stop)
                self.server = server
                self._postgres = server.url()
                self._passwords = _new_passwords()
            return self._postgres

    def kafka(self) -> str:
        """The bootstrap address."""
        with self._lock:
            if self._kafka is None and self._containers:
                self._kafka = self._contained(containers.start_kafka)
            if self._kafka is None:
                server = self.new_broker()
                server.start()
                self._cleanup.callback(server.stop)
                self._kafka = server.bootstrap
                if not server.archive.exists():
                    archive.build_in_background(self._settings)
            return self._kafka

    def new_broker(self) -> KafkaBroker:
        """A broker of one's own that is not started yet, for tests that kill it; the caller stops it."""
        java = find_java(self._settings.redress_java) or install_java(self._settings.redress_python_index)
        jars = ArtifactCache(self._settings.cache, self._settings.redress_maven_url).fetch("kafka")
        port, controller_port = free_ports(2)
        archives = self._settings.cache / "archives"
        return KafkaBroker(self._home("kafka"), port, controller_port, java=java, jars=jars, archives=archives)

    def new_postgres(self) -> PostgresServer:
        """A Postgres of one's own that is not started yet, for tests that kill it; the caller stops it."""
        return PostgresServer(self._home("postgres"), free_ports(1)[0])

    def web_assets(self) -> Path:
        """The folder with the unpacked WebJars, the accessibility checker among them."""
        return ArtifactCache(self._settings.cache, self._settings.redress_maven_url).unpack_web("web", "test")

    def create_database(self, *services: str) -> Database:
        """Create a database with schemas and roles, and apply the migrations of `services`."""
        admin = self.postgres()
        name = f"test_{secrets.token_hex(6)}"
        run(execute(admin, f"CREATE DATABASE {name}"))
        parts = urlsplit(admin)
        database = Database(
            name=name, url=urlunsplit(parts._replace(path=f"/{name}")), passwords=self._passwords if self._ours else {}
        )
        passwords = self._passwords if self._ours else run(_missing_roles(admin))
        run(bootstrap(database.url, passwords))
        database.migrate(*services)
        for service in services:
            run(execute(database.url, _PRUNED.format(service=service)))
        return database

    def drop_database(self, database: Database) -> None:
        """Drop it, whoever is still connected."""
        run(execute(self.postgres(), f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)"))

    def _contained(self, start: Callable[[], containers.Started]) -> str:
        address, stop = start()
        self._cleanup.callback(stop)
        return address

    def _home(self, name: str) -> Path:
        home = Path(tempfile.mkdtemp(prefix=f"redress-{name}-", dir=self._folders.get(name)))
        self._cleanup.callback(shutil.rmtree, home, ignore_errors=True)
        return home


def run(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end from synchronous code, also where a loop is running already."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


async def recreate_topics(bootstrap_servers: str) -> None:
    """Make all our topics empty: delete them with everything in them, wait until gone, create them anew."""
    from deploy.stack.topics import create_topics, delete_topics

    await _empty_groups(bootstrap_servers)
    await delete_topics(bootstrap_servers, [*(topic.name for topic in TOPICS), DEAD_LETTERS])
    await create_topics(bootstrap_servers)


async def _empty_groups(bootstrap_servers: str) -> None:
    """Take members out of our groups that have ended without leaving, as static ones do: others wait 30 s for them."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.protocol.group import LeaveGroupRequest

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        for name in [name for name, _ in await admin.list_consumer_groups() if name.startswith("redress.")]:
            node = await admin.find_coordinator(name)
            [answer] = await admin.describe_consumer_groups([name], node)
            for member in answer.groups[0][5]:
                await admin._send_request(LeaveGroupRequest(name, member[0]), node)
    finally:
        await admin.close()


def _new_passwords() -> dict[str, str]:
    return {role: secrets.token_urlsafe(12) for role in ROLES}


async def _missing_roles(url: str) -> dict[str, str]:
    found = {record["rolname"] for record in await fetch(url, "SELECT rolname FROM pg_roles")}
    return {role: secrets.token_urlsafe(12) for role in ROLES if f"redress_{role}" not in found}


async def execute(url: str, sql: str, *args: object) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(sql, *args)
    finally:
        await connection.close()


async def fetch(url: str, sql: str, *args: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return list(await connection.fetch(sql, *args))
    finally:
        await connection.close()


def environment_without_servers() -> dict[str, str]:
    """Our environment without variables that would point a child at existing servers or another stack."""
    mine = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SMTP_URL", "REDRESS_HOME", "REDRESS_PORT_BASE")
    return {name: value for name, value in os.environ.items() if name not in mine}


_PRUNED = """
INSERT INTO {service}.inbox_floor (consumer, event_id) VALUES ('{service}', {service}.first_id_at(now() - interval '45 days'))
"""
"""A database in service has been pruned since its first minutes: readers meet the floor of the inbox in every test."""

DatabaseFactory = Callable[..., Database]
