"""A notifier on a real database and a scripted mail server, without Kafka: tests hand it batches and read its outbox."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from services.notifier.app import build
from services.notifier.settings import Settings
from shared.events.envelope import Event
from shared.events.topics import ADAPTERS
from shared.runtime.consumer import Batch
from shared.runtime.pg import Database
from shared.runtime.service import Service
from shared.runtime.vault import PersonKey, Vault
from tests.integration.notifier.scripted_smtp import ScriptedSmtp
from tests.integration.notifier.waiting import until
from tests.support.stack import Database as TestDatabase
from tests.unit.notifier.story import Story

POLICIES = Path(__file__).parents[3] / "deploy" / "policies"
QUICK = {
    "notifier_connect_seconds": 0.3,
    "notifier_command_seconds": 0.3,
    "notifier_dot_seconds": 0.4,
    "notifier_lease_seconds": 3,
    "notifier_resend_seconds": 0.3,
}


class Rig:
    """One copy of the service."""

    def __init__(self, database: TestDatabase, smtp_url: str, keys: Path, reached: Callable[[str], None], **more: Any):
        values: dict[str, Any] = {
            "database_url": database.url_of("notifier"),
            "smtp_url": smtp_url,
            "master_key_file": keys / "master.key",
            "session_key_file": keys / "session.key",
            "policies_dir": POLICIES,
            "public_notifier_url": "https://help.example",
            **QUICK,
            **more,
        }
        self.settings = Settings(**values)
        self.service: Service = build(self.settings, reached)
        self.database = database
        self._admin = Database(database.url, name="test-admin", size=2)
        self._vault = Vault(self._admin, self.settings.master_keys)
        self._running: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Run the pipeline."""
        self._stop.clear()
        self._running = asyncio.create_task(self.service._tasks["pipeline"](self._stop))  # type: ignore[arg-type]

    async def stop(self) -> None:
        """Stop the pipeline as SIGTERM would."""
        self._stop.set()
        if self._running is not None:
            await self._running
            self._running = None

    @property
    def stopping(self) -> bool:
        """Whether the senders have been told to begin nothing new."""
        pipeline: Any = self.service._tasks["pipeline"].__self__  # type: ignore[attr-defined]
        return bool(pipeline._senders._stopping)

    async def kill(self) -> None:
        """End the pipeline without letting it finish anything."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    async def close(self) -> None:
        await self.stop()
        await self.service.database.close()
        await self._admin.close()

    async def apply(self, *events: Event) -> None:
        """Hand a batch to the handler, as the consumer does."""
        assert self.service.consumer is not None
        async with self.service.transaction() as tx:
            await self.service.consumer._handle(Batch(tuple(events)), tx)

    async def person(self, email: str) -> PersonKey:
        """A person in the vault."""
        await self._vault.open()
        [key] = await self._vault.keys_for([self._vault.contact_hash("email", email)])
        return key

    async def story(self, email: str = "wang.fang@example.com", **more: Any) -> "Told":
        """A complaint of a person whose texts are really sealed."""
        return Told(await self.person(email), email, **more)

    async def shred(self, person_id: UUID) -> None:
        """Delete a person's key."""
        await self._admin.fetchval("SELECT vault.shred($1::uuid[])", [person_id])

    async def notices(self, complaint_id: UUID | None = None) -> list[dict[str, Any]]:
        rows = await self._admin.fetch(
            "SELECT * FROM notifier.notice WHERE $1::uuid IS NULL OR complaint_id = $1 ORDER BY created_at, notice_id",
            complaint_id,
        )
        return [dict(row) for row in rows]

    async def states(self, complaint_id: UUID | None = None) -> list[tuple[str, str]]:
        return [(row["kind"], row["state"]) for row in await self.notices(complaint_id)]

    async def settled(self, count: int) -> list[tuple[str, str]]:
        """Wait until so many notices are settled."""

        async def enough() -> bool:
            settled = await self._admin.fetchval("SELECT count(*) FROM notifier.notice WHERE next_at IS NULL")
            return bool(settled >= count)

        try:
            await until(enough)
        except TimeoutError:
            waiting = Counter((row["state"], row["attempts"], row["reason"]) for row in await self.notices())
            raise AssertionError(f"not settled in time: {waiting}") from None
        return await self.states()

    async def said(self) -> list[Event]:
        """The events in the outbox, in order."""
        rows = await self._admin.fetch("SELECT type, payload FROM notifier.outbox ORDER BY id")
        return [ADAPTERS[row["type"]].validate_json(row["payload"]) for row in rows]

    async def execute(self, sql: str, *args: Any) -> None:
        await self._admin.execute(sql, *args)

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        return await self._admin.fetch(sql, *args)


class Told(Story):
    """A story whose texts are sealed for its person."""

    def __init__(self, key: PersonKey, email: str, *, name: str = "王芳", token: str = "", **more: Any) -> None:
        super().__init__(person_id=key.person_id, **more)
        self.key = key
        self.email = email
        self.name = name
        self.token = token or f"token-of-{self.complaint_id.hex[-12:]}"

    def seal(self, field: str, text: str) -> str:
        return self.key.seal(self.complaint_id, field, text)

    def filed(self, **more: Any) -> Any:
        """Submitted, with contact and token."""
        import hashlib

        return self.submitted(
            **{
                "text": self.seal("text", "快递还没到"),
                "name": self.seal("name", self.name),
                "email": self.seal("email", self.email),
                "progress_token": self.seal("progress_token", self.token),
                "progress_token_hash": hashlib.sha256(self.token.encode()).hexdigest(),
                **more,
            }
        )

    def begun(self, due: Any) -> Iterable[Event]:
        """Filed, assigned, clocks set."""
        return (self.filed(), self.assigned(), self.clocks(journey=due))


@asynccontextmanager
async def rigged(
    database: TestDatabase,
    keys: Path,
    smtp: ScriptedSmtp,
    reached: Callable[[str], None] = lambda _: None,
    **more: Any,
) -> AsyncIterator[Rig]:
    """A copy of the service that is stopped at the end."""
    rig = Rig(database, smtp.url, keys, reached, **more)
    try:
        yield rig
    finally:
        await rig.close()


def as_json(event: Event) -> Any:
    return json.loads(event.model_dump_json())
