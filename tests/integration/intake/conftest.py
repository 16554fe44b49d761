"""Intake on a real Postgres: in this process for most tests, as a process of its own for those that kill it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.intake import keys
from services.intake.app import build
from services.intake.settings import Settings
from shared.runtime.service import Service
from tests.support.stack import Database, DatabaseFactory

POLICIES = Path(__file__).parents[3] / "deploy" / "policies"
BODY: dict[str, Any] = {
    "channel": "web",
    "language": "zh",
    "text": "快递延误三天，客服一直说在路上。",
    "customer": {"name": "王小明", "email": "wang@example.com", "phone": "13812345678"},
}


@dataclass
class Running:
    """An intake that runs, with a client of each channel."""

    service: Service
    database: Database
    http: httpx.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    async def post(
        self, body: Any = None, *, key: str | None = None, channel: str = "web", **options: Any
    ) -> httpx.Response:
        """POST /v1/complaints as the client of a channel."""
        headers = {"Authorization": f"Bearer {self.keys[channel]}", "Idempotency-Key": key or str(uuid4())}
        headers |= options.pop("headers", {})
        return await self.http.post("/v1/complaints", json=BODY if body is None else body, headers=headers, **options)

    async def call(self, method: str, path: str, *, channel: str = "web", key: str | None = None, **options: Any):
        headers = {"Authorization": f"Bearer {self.keys[channel]}"}
        if key:
            headers["Idempotency-Key"] = key
        return await self.http.request(method, path, headers=headers | options.pop("headers", {}), **options)

    def count(self, table: str) -> int:
        return self.database.fetch(f"SELECT count(*) AS n FROM intake.{table}")[0]["n"]

    def rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return self.database.fetch(sql, *args)


def settings_for(database: Database, folder: Path, **changes: Any) -> Settings:
    """Settings of an intake on this database, with no Kafka behind it unless said otherwise."""
    for name in ("master.key", "session.key"):
        if not (folder / name).exists():
            (folder / name).write_text(secrets.token_hex(32))
    values: dict[str, Any] = {
        "database_url": database.url_of("intake"),
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "master_key_file": folder / "master.key",
        "session_key_file": folder / "session.key",
        "policies_dir": POLICIES,
    }
    return Settings(**(values | changes))


async def add_clients(database: Database, **more: dict[str, Any]) -> dict[str, str]:
    """Keys of a client per channel, and of further clients by name."""
    connection = await asyncpg.connect(database.url, server_settings={"search_path": "intake"})
    try:
        made = {
            channel: await keys.add_key(connection, name=channel, channel=channel, pack="retail")
            for channel in ("web", "phone", "store")
        }
        for name, wishes in more.items():
            made[name] = await keys.add_key(connection, name=name, **({"channel": "web", "pack": "retail"} | wishes))
        return made
    finally:
        await connection.close()


@asynccontextmanager
async def running(settings: Settings, database: Database) -> AsyncIterator[Running]:
    """Intake in this process: its app, its writer and its keys; no relay and no consumer."""
    service = build(settings)
    stop = asyncio.Event()
    await service.database.open()
    tasks = [asyncio.create_task(service._tasks[name](stop)) for name in ("writer", "keys")]
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.test") as http:
        yield Running(service, database, http)
        stop.set()
        for finish in service._finishers:
            await finish()
        await asyncio.gather(*tasks)
        await service.database.close()


async def waiting(intake: Running, count: int) -> None:
    """Until so many complaints wait for a commit."""
    writer = intake.service.app.state.intake._writer
    async with asyncio.timeout(10):
        while writer.waiting < count:  # noqa: ASYNC110  # the queue has no event to wait on; each turn lets it fill
            await asyncio.sleep(0)


@pytest.fixture
def key_folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def start(fresh_database: DatabaseFactory, key_folder: Path) -> Iterator[Callable[..., Any]]:
    """Starts an intake on a database of its own: `async with start(intake_queue_max=5) as intake`."""

    @asynccontextmanager
    async def begin(
        *, clients: dict[str, dict[str, Any]] | None = None, beside: tuple[str, ...] = (), **changes: Any
    ) -> AsyncIterator[Running]:
        database = fresh_database("intake", *beside)
        made = await add_clients(database, **(clients or {}))
        async with running(settings_for(database, key_folder, **changes), database) as found:
            found.keys = made
            yield found

    yield begin


@pytest.fixture
async def everything(start: Callable[..., Any]) -> AsyncIterator[Running]:
    """Intake beside the tables of the other services, for commands that look into all of them."""
    async with start(beside=("router", "sla", "notifier")) as found:
        yield found


@pytest.fixture
async def intake(start: Callable[..., Any]) -> AsyncIterator[Running]:
    async with start() as found:
        yield found
