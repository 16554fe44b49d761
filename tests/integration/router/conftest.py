"""A router over a real database, driven without Kafka: records go in by hand, the outbox is read."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka.structs import ConsumerRecord

from services.router.app import build
from services.router.duties import Duties
from services.router.settings import Settings
from services.router.store.staff import Staff
from shared.events.envelope import Event
from shared.events.topics import ADAPTERS, TOPIC_OF
from shared.runtime.directory import Member
from shared.runtime.pg import Database
from shared.runtime.service import Service
from shared.runtime.vault import PersonKey, Vault
from tests.support.signing import parts_of
from tests.support.stack import Database as OneDatabase
from tests.support.stack import Servers, run

ROOT = Path(__file__).parents[3]
PASSWORD = "correct horse 电池"
STAFF = [
    ("li.delivery", "handler", "delivery"),
    ("lead.delivery", "lead", "delivery"),
    ("wang.billing", "handler", "billing"),
    ("lead.billing", "lead", "billing"),
    ("zhao.marketing", "handler", "marketing"),
    ("sun.triage", "handler", "triage"),
    ("chen.office", "office", "complaints-office"),
    ("agent.calls", "agent", "customer-service"),
    ("ops", "operator", "complaints-office"),
    ("bank.cards", "handler", "cards"),
    ("bank.lead", "lead", "cards"),
]
_offsets = itertools.count()


class Running:
    """The service with its hands tied: no Kafka, no HTTP socket."""

    def __init__(self, service: Service, database: OneDatabase, vault: Vault) -> None:
        self.service = service
        self.database = database
        self.vault = vault
        self.app = service.app
        self._tokens: dict[str, str] = {}

    async def feed(self, *events: Event) -> None:
        """Let the consumer process these records in one batch."""
        assert self.service.consumer is not None
        await self.service.consumer.process([record_of(event) for event in events])

    async def person(self) -> PersonKey:
        """A new person in the vault."""
        return (await self.vault.keys_for([None]))[0]

    async def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.service.database.fetch(sql, *args)]

    async def sent(self, complaint_id: UUID | None = None) -> list[Event]:
        """What lies in the outbox, in order."""
        rows = await self.rows("SELECT type, payload, key FROM outbox ORDER BY id")
        events = [ADAPTERS[row["type"]].validate_json(row["payload"]) for row in rows]
        return [e for e in events if complaint_id is None or e.complaint_id == complaint_id]

    async def index(self) -> None:
        duties = Duties(self.service.database, self.service.transaction, None)  # type: ignore[arg-type]
        while await duties.index():
            pass

    def client(self, address: str = "203.0.113.7", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, client=(address, 4711))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8102", headers=headers)

    async def as_user(self, user: str, **headers: str) -> httpx.AsyncClient:
        """A client with the bearer token of a member of staff."""
        if user not in self._tokens:
            async with self.client() as client:
                answer = await client.post("/v1/sign-in", json={"user": user, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            self._tokens[user] = answer.json()["token"]
        return self.client(authorization=f"Bearer {self._tokens[user]}", **headers)


def record_of(event: Event) -> ConsumerRecord:
    topic, (key, body, headers) = TOPIC_OF[type(event)].name, parts_of(event)
    return ConsumerRecord(topic, 0, next(_offsets), 0, 0, key, body, None, len(key), len(body), headers)


TABLES = "cases, case_text, case_event, early_event, sign_in_failure, inbox, outbox, dead_letter, command_key"


@pytest.fixture(scope="module")
def router_database(servers: Servers) -> Iterator[OneDatabase]:
    """A database for the tests of a module; `running` empties it for each."""
    made = servers.create_database("router")
    run(hire(made))
    yield made
    servers.drop_database(made)


async def hire(database: OneDatabase) -> None:
    directory = Database(database.url_of("router"), name="test-staff", size=1)
    await Staff(directory).save(
        [(Member(user=user, name=user, role=role, department=department), PASSWORD) for user, role, department in STAFF]
    )
    await directory.close()


@pytest.fixture
async def running(router_database: OneDatabase, tmp_path: Path, web_assets: Path) -> AsyncIterator[Running]:
    database = router_database
    database.execute(f"SET search_path = router; TRUNCATE {TABLES}, vault.person, vault.master_key, vault.secret")
    key = tmp_path / "key"
    key.write_text(os.urandom(32).hex())
    settings = Settings(
        database_url=database.url_of("router"),
        master_key_file=key,
        session_key_file=key,
        policies_dir=ROOT / "deploy" / "policies",
        web_assets_dir=web_assets,
    )
    service = build(settings)
    vault_database = Database(database.url_of("intake"), name="test-vault", size=2)
    made = Running(service, database, Vault(vault_database, settings.master_keys))
    yield made
    await service.database.close()
    await vault_database.close()
