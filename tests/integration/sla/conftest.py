"""sla over a real database, driven without Kafka: records go in by hand, time is the database's, the outbox is read."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka.structs import ConsumerRecord

from services.sla.app import build
from services.sla.settings import Settings
from services.sla.store import Rulebook
from services.sla.ticker import Ticker
from shared.events.envelope import Event
from shared.events.ids import new_id
from shared.events.reference import reference_of
from shared.events.topics import ADAPTERS, TOPIC_OF
from shared.runtime.horizon import Horizon
from shared.runtime.service import Service
from shared.runtime.web.sessions import Staff
from tests.support.signing import parts_of
from tests.support.stack import Database as TestDatabase
from tests.support.staff import signed_in
from tests.unit.sla.story import Story

#: A Monday morning in Shanghai, an ordinary working week.
MONDAY = datetime.fromisoformat("2026-11-09T09:00:00+08:00")
_offsets = itertools.count()
_numbers = itertools.count(1)


def after(**length: float) -> datetime:
    return MONDAY + timedelta(**length)


def told(**fields: Any) -> Story:
    """A complaint of the retail pack, received on Monday morning."""
    fields = {"received_at": MONDAY, "pack": "retail", "reference": reference_of(next(_numbers))} | fields
    return Story(**fields)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition with a deadline."""
    async with asyncio.timeout(60):
        for pause in itertools.repeat(0.02):
            if await condition():
                return
            await asyncio.sleep(pause)


class Running:
    """The service with its hands tied: no Kafka, no HTTP socket, no ticker of its own."""

    def __init__(self, service: Service, database: TestDatabase) -> None:
        self.service = service
        self.database = database

    def travel(self, to: datetime) -> None:
        """Let the database's clock say `to`."""
        self.database.freeze_clock(to.isoformat())

    def ticker(self, **parts: Any) -> Ticker:
        """A ticker with a rulebook of its own, as in another process."""
        service = self.service
        book = Rulebook(service.policies, "retail")
        assert service.consumer is not None
        horizon = Horizon(service.consumer, 0)
        return Ticker(service.database, service.transaction, book, service.tracing, new_id, horizon, **parts)

    async def tick(self, at: datetime | None = None) -> int:
        """Fire everything that is due, at a moment if one is given."""
        if at is not None:
            self.travel(at)
        ticker, count = self.ticker(), 0
        while fired := await ticker.tick():
            count += fired
        return count

    async def feed(self, *events: Event) -> None:
        """Let the consumer process these records in one batch."""
        assert self.service.consumer is not None
        await self.service.consumer.process([record_of(event) for event in events])

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.service.database.fetch(sql, *args)]

    async def sent(self, complaint_id: UUID | None = None) -> list[Any]:
        """What lies in the outbox, in order."""
        rows = await self.rows("SELECT type, payload FROM outbox ORDER BY id")
        events = [ADAPTERS[row["type"]].validate_json(row["payload"]) for row in rows]
        return [event for event in events if complaint_id in (None, event.complaint_id)]

    async def clocks(self, story: Story) -> dict[str, dict[str, Any]]:
        """The newest clock of each kind as the database shows it."""
        rows = await self.rows("SELECT * FROM clock WHERE complaint_id = $1 ORDER BY epoch", story.complaint_id)
        return {row["kind"]: row for row in rows}

    def client(self, staff: Staff | None = None, **headers: str) -> httpx.AsyncClient:
        """A client, signed in when somebody is named."""
        if staff is not None:
            headers["authorization"] = f"Bearer {signed_in(self.database, self.service.sessions, staff)}"
        transport = httpx.ASGITransport(app=self.service.app)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8103", headers=headers)


def record_of(event: Event) -> ConsumerRecord:
    topic, (key, body, headers) = TOPIC_OF[type(event)].name, parts_of(event)
    return ConsumerRecord(topic, 0, next(_offsets), 0, 0, key, body, None, len(key), len(body), headers)


@pytest.fixture
async def running(fresh_database: Any, tmp_path: Path) -> AsyncIterator[Running]:
    database: TestDatabase = fresh_database("sla")
    key = tmp_path / "key"
    key.write_text(os.urandom(32).hex())
    settings = Settings(
        database_url=database.url_of("sla"),
        master_key_file=key,
        session_key_file=key,
        policies_dir=Path(__file__).parent / "policies",
        public_traces_url="http://127.0.0.1:8106",
    )
    made = Running(build(settings), database)
    made.travel(MONDAY)
    yield made
    await made.service.database.close()
