"""router, sla and notifier over one real Postgres and a real mail server, with Kafka played by hand.

Whatever a service commits lies on its topic at once; which service reads how much of it when is the test's to say, and so
is the time. A service that is away reads nothing, fires nothing, sends nothing, and takes no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.notifier.app import build as build_notifier
from services.notifier.settings import Settings as NotifierSettings
from services.router.app import build as build_router
from services.router.settings import Settings as RouterSettings
from services.sla.app import build as build_sla
from services.sla.settings import Settings as SlaSettings
from services.sla.store import Rulebook
from services.sla.ticker import Ticker
from shared.events.envelope import Event
from shared.events.ids import new_id
from shared.events.reference import reference_of
from shared.events.topics import ADAPTERS, TOPIC_OF, types_read_by
from shared.runtime.horizon import Horizon
from shared.runtime.pg import Database
from shared.runtime.service import Service
from shared.runtime.vault import Vault
from tests.integration.notifier.rig import Told as Customer
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.integration.router.conftest import Running, hire, record_of
from tests.support.stack import Database as TestDatabase

POLICIES = Path(__file__).parents[3] / "deploy" / "policies"
START = datetime.fromisoformat("2026-11-09T09:00:00+08:00")
WORKERS = {
    "delivery": "li.delivery",
    "complaints-office": "chen.office",
    "triage": "sun.triage",
    "billing": "wang.billing",
}
_SET_CLOCK = (
    "CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT timestamptz '{}' $$"
)
_DUE = "SELECT count(*) FROM notifier.notice WHERE next_at <= clock.now()"
MAIL = {"taken": None, "no such mailbox": Step("rcpt", "550 5.1.1 no such user"), "later": Step("mail", "451 later")}


class Told(Customer):
    """One complaint, with a reference of its own."""

    reference: str


class World:
    """Everything there is; one complaint is played at a time."""

    def __init__(
        self, services: dict[str, Service], running: Running, admin: Database, vault: Vault, smtp: ScriptedSmtp
    ):
        self.services = services
        self.smtp = smtp
        self.now = START
        self.away: set[str] = set()
        self.letters: list[tuple[datetime, str, str]] = []
        """When each mail was taken, for whom, and its text."""
        self._running = running
        self._admin = admin
        self._vault = vault
        self._written: list[tuple[datetime, Event]] = []
        self._read: dict[tuple[str, str], int] = {}
        self._seen = dict.fromkeys(services, 0)
        self._people = 0
        sla = services["sla"]
        assert sla.consumer is not None
        book = Rulebook(sla.policies, "retail")
        self._ticker = Ticker(sla.database, sla.transaction, book, sla.tracing, new_id, Horizon(sla.consumer, 0))
        self._pipeline: Any = services["notifier"]._tasks["pipeline"].__self__  # type: ignore[attr-defined]

    # -- time and topics -----------------------------------------------------------------------------------------------

    async def pass_time(self, length: timedelta) -> None:
        """Later; a mail that is on its way is taken before."""
        async with asyncio.timeout(60):
            while self._pipeline._in_flight > 0:  # noqa: ASYNC110  the sender has no event for it
                await asyncio.sleep(0.01)
        self.note_letters()
        self.now += length
        await self._admin.execute(_SET_CLOCK.format(self.now.isoformat()))

    def note_letters(self) -> None:
        """What was taken up to now; the sender works by itself, whenever something is due."""
        new = self.smtp.taken[len(self.letters) :]
        self.letters += [(self.now, taken.recipient, taken.text) for taken in new]

    def of(self, complaint_id: UUID) -> list[Event]:
        """Everything that was said about a complaint, in the order in which it was written."""
        return [event for _, event in self._written if event.complaint_id == complaint_id]

    async def _collect(self) -> None:
        for name in self.services:
            sql = f"SELECT id, type, payload FROM {name}.outbox WHERE id > $1 ORDER BY id"
            for row in await self._admin.fetch(sql, self._seen[name]):
                self._seen[name] = row["id"]
                self._written.append((self.now, ADAPTERS[row["type"]].validate_json(row["payload"])))

    def _unread(self, service: str, topic: str) -> list[tuple[datetime, Event]]:
        on_topic = [(at, event) for at, event in self._written if TOPIC_OF[type(event)].name == topic]
        return on_topic[self._read.get((service, topic), 0) :]

    async def read(self, service: str, topic: str, count: int | None = None) -> int:
        """Let a service read what it has not read of a topic, or so much of it."""
        if service in self.away:
            return 0
        batch = [event for _, event in self._unread(service, topic)[:count]]
        self._read[service, topic] = self._read.get((service, topic), 0) + len(batch)
        wanted = types_read_by(service)[topic]
        records = [record_of(event) for event in batch if event.kind in wanted]
        consumer = self.services[service].consumer
        assert consumer is not None
        if records:
            await consumer.process(records)
            await self._collect()
        return len(batch)

    async def fire(self) -> None:
        """Let sla look at its clocks; it knows up to which moment it has read everything."""
        if "sla" in self.away:
            return
        unread = [at for topic in types_read_by("sla") for at, _ in self._unread("sla", topic)[:1]]
        while await self._ticker.tick(min(unread, default=self.now)):
            pass
        await self._collect()

    async def send(self) -> None:
        """Let the notifier send, or try to send, everything that is due."""
        if "notifier" in self.away:
            return
        async with asyncio.timeout(60):
            while await self._admin.fetchval(_DUE):
                self._pipeline._look()
                self._pipeline._wake.set()
                await asyncio.sleep(0.01)
        await self._collect()

    async def settle(self) -> None:
        """Until nothing moves any more among those who are there."""
        moved = True
        while moved:
            before = len(self._written)
            for service in self.services:
                for topic in types_read_by(service):
                    await self.read(service, topic)
            await self.send()
            await self.fire()
            unread = (
                self._unread(service, topic)
                for service in self.services.keys() - self.away
                for topic in types_read_by(service)
            )
            moved = len(self._written) > before or any(unread)

    # -- people --------------------------------------------------------------------------------------------------------

    async def filed(self) -> Told:
        """A complaint of a customer nobody knew."""
        self._people += 1
        email = f"c{self._people}@example.com"
        await self._vault.open()
        [key] = await self._vault.keys_for([self._vault.contact_hash("email", email)])
        told = Told(key, email)
        told.reference = reference_of(self._people)
        event = told.filed(text=told.seal("text", "快递晚了三周还没到，请尽快送货"), received_at=self.now)
        own = {"occurred_at": self.now, "reference": told.reference}
        self._written.append((self.now, event.model_copy(update=own)))
        return told

    async def staff(self, told: Told, action: str, **body: Any) -> int:
        """Somebody of the owning department does something, if the router is there; answers the status."""
        if "router" in self.away:
            return 503
        row = await self._admin.fetchrow(
            "SELECT department FROM router.cases WHERE complaint_id = $1", told.complaint_id
        )
        user = WORKERS.get(row["department"] if row else "", "li.delivery")
        async with await self._running.as_user(user) as client:
            answer = await client.post(f"/v1/cases/{told.reference}/{action}", json=body)
        assert answer.status_code < 500 and answer.status_code != 422, answer.text
        await self._collect()
        return answer.status_code

    async def customer(self, told: Told, action: str) -> str:
        """The customer does something on their page, if the notifier is there and the page offers it."""
        if "notifier" in self.away:
            return "away"
        transport = httpx.ASGITransport(app=self.services["notifier"].app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8104") as client:
            page = (await client.get(f"/c/{told.token}", headers={"accept": "application/json"})).json()
            if action not in page.get("can", ()):
                return "not offered"
            words = {"reply": {"answer": "单号 SF123"}, "dispute": {"text": "还没有"}, "add": {"text": f"{new_id()}"}}
            about = {"about": page["about"].get(action)} if page["about"].get(action) else {}
            answer = await client.post(f"/c/{told.token}/{action}", json={**words.get(action, {}), **about})
        assert answer.status_code == 200, answer.text
        await self._collect()
        return str(answer.json()["status"])

    async def lines(self, told: Told) -> dict[UUID, str]:
        """The lines of the case's history, by event."""
        sql = "SELECT event_id, what FROM router.case_event WHERE complaint_id = $1"
        return {row["event_id"]: row["what"] for row in await self._admin.fetch(sql, told.complaint_id)}


@asynccontextmanager
async def a_world(database: TestDatabase, keys: Path, web_assets: Path) -> AsyncIterator[World]:
    """The three services on one database, the pipeline running."""
    await hire(database)
    common: dict[str, Any] = {
        "master_key_file": keys / "master.key",
        "session_key_file": keys / "session.key",
        "policies_dir": POLICIES,
        "web_assets_dir": web_assets,
    }
    admin = Database(database.url, name="test-world", size=2)
    async with ScriptedSmtp() as smtp:
        mail = {"smtp_url": smtp.url, "public_notifier_url": "https://help.example", "notifier_connections": 2}
        services = {
            "router": build_router(RouterSettings(database_url=database.url_of("router"), **common)),
            "sla": build_sla(SlaSettings(database_url=database.url_of("sla"), **common)),
            "notifier": build_notifier(NotifierSettings(database_url=database.url_of("notifier"), **common, **mail)),
        }
        vault = Vault(admin, services["router"].settings.master_keys)
        world = World(services, Running(services["router"], database, vault), admin, vault, smtp)
        await world.pass_time(timedelta(0))
        stop = asyncio.Event()
        pipeline = asyncio.create_task(services["notifier"]._tasks["pipeline"](stop))  # type: ignore[arg-type]
        try:
            yield world
        finally:
            stop.set()
            await asyncio.wait((pipeline,), timeout=20)
            for service in services.values():
                await service.database.close()
            await admin.close()


def said(events: Sequence[Event], kind: str) -> list[Any]:
    """Those of a type."""
    return [event for event in events if event.kind == f"{kind}.v1"]
