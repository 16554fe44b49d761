"""What a private link gives access to: one complaint, to read and to answer."""

import hashlib
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.notifier.domain.actions import Action, about_of, done, may
from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Entry, What
from services.notifier.store import journeys as store
from services.notifier.store import reading
from services.notifier.store.reading import Line, Sent
from shared.events.envelope import Cause, Event
from shared.events.ids import new_id
from shared.events.notices import ComplaintConfirmed, ComplaintDisputed, CustomerAdded, CustomerReplied, FeedbackGiven
from shared.runtime import once
from shared.runtime.pg import Database
from shared.runtime.transaction import Tx
from shared.runtime.vault import PersonKey, Vault, open_sealed
from shared.text import kept

Transaction = Callable[[], AbstractAsyncContextManager[Tx]]
Result = Literal["done", "already", "late", "changed"]
"""`late`: it cannot be done any more; `changed`: it was about another question or resolution than there is now."""
MAX_TEXT = 4_000
_TWICE_WITHIN = timedelta(minutes=10)
_MAX_TOKEN = 64


class NoSuchLink(Exception):
    """The token is wrong, not yet known, or its person was erased; which of them is nobody's business (I15)."""


class LinkEnded(Exception):
    """The complaint was closed so long ago that its link has ended. Only who holds the link hears of it."""

    def __init__(self, journey: Journey) -> None:
        super().__init__("link ended")
        self.journey = journey


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A complaint as its customer may see it, with its texts opened; `now` is the database's time.

    Attributes:
        store: the shop as it was told; empty where none was.
    """

    journey: Journey
    name: str
    store: str
    lines: tuple[tuple[Line, str], ...]
    sent: tuple[Sent, ...]
    now: datetime
    ends_at: datetime | None = None
    """When the link ends; none while the complaint is open."""

    def words_of(self, event_id: UUID | None) -> str:
        """The words of one line of the story."""
        return next((text for line, text in self.lines if line.event_id == event_id), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the customer does: an action with its words or points."""

    action: Action
    text: str = ""
    rating: int | None = None
    about: UUID | None = None
    """The question or resolution the customer had in sight; none: whatever there is now."""


class Customers:
    """Reads and acts for whoever holds a private link."""

    def __init__(
        self, database: Database, vault: Vault, transaction: Transaction, *, kept: timedelta = timedelta(days=180)
    ) -> None:
        """`kept`: how long a link leads to a complaint that is closed."""
        self._database = database
        self._vault = vault
        self._transaction = transaction
        self._kept = kept

    async def open(self, token: str) -> Opened:
        """Everything the page shows.

        Raises:
            NoSuchLink: nothing is behind this token.
            LinkEnded: not any more.
        """
        complaint_id, key = await self._find(token)
        told = await reading.read(self._database, complaint_id)
        if told is None:
            raise NoSuchLink
        return Opened(
            journey=told.journey,
            name=_open(key, complaint_id, "name", told.name),
            store=told.store_id or _open(key, complaint_id, "store", told.store),
            lines=tuple((line, _open(key, complaint_id, line.field, line.text)) for line in told.lines),
            sent=told.sent,
            now=told.now,
            ends_at=self._alive(told.journey, told.now),
        )

    def _alive(self, journey: Journey, now: datetime) -> datetime | None:
        """When the link ends; none while it does not."""
        if journey.closed_at is None or journey.phase != "closed":
            return None
        ends_at = journey.closed_at + self._kept
        if ends_at <= now:
            raise LinkEnded(journey)
        return ends_at

    async def act(self, token: str, said: Said, under: UUID | None = None) -> tuple[Result, bool]:
        """Do one thing, in one transaction: state, line of the story, event.

        Args:
            token: of the private link.
            said: what the customer does.
            under: its idempotency key, if it has one: sent again it is not done again.

        Returns:
            What became of it, and whether that was answered before, under the same key.

        Raises:
            NoSuchLink: nothing is behind this token.
            LinkEnded: not any more.
            Problem: 422 the key was used for something else, 409 the same is being done right now.
        """
        complaint_id, key = await self._find(token)
        asked = _asked(complaint_id, said, under) if under else None
        async with self._transaction() as tx:
            if asked and (given := await once.begin(tx, asked)):
                return ("already" if given.body == "already" else "done"), True
            result = await self._act(tx, complaint_id, key, said)
            if asked and result in ("late", "changed"):
                await once.release(tx, asked)
            elif asked:
                await once.finish(tx, asked, once.Given(200, result))
            return result, False

    async def _act(self, tx: Tx, complaint_id: UUID, key: PersonKey, said: Said) -> Result:
        journey = (await store.load(tx, [complaint_id])).get(complaint_id)
        if journey is None or journey.erased:
            raise NoSuchLink
        self._alive(journey, tx.now)
        answer = may(said.action, journey)
        if answer == "already":
            return "already"
        if said.about is not None and said.about != about_of(said.action, journey):
            return "changed"
        if answer != "yes":
            return "late"
        if said.action == "add" and await self._said_before(tx, key, complaint_id, said.text):
            return "already"
        await _carry_out(tx, journey, key, said)
        return "done"

    async def _find(self, token: str) -> tuple[UUID, PersonKey]:
        if not token.isascii() or len(token) > _MAX_TOKEN:
            raise NoSuchLink
        found = await reading.find_by_token(self._database, hashlib.sha256(token.encode()).digest())
        key = (await self._vault.keys_of([found[1]])).get(found[1]) if found else None
        if found is None or key is None:
            raise NoSuchLink
        return found[0], key

    async def _said_before(self, tx: Tx, key: PersonKey, complaint_id: UUID, text: str) -> bool:
        """Whether the same words came a moment ago: a form that was sent twice."""
        recent = await reading.recently_added(tx, complaint_id, tx.now - _TWICE_WITHIN)
        return any(_open(key, complaint_id, "text", sealed) == text for sealed in recent)


def _asked(complaint_id: UUID, said: Said, key: UUID) -> once.Asked:
    meant = once.digest_of(said.action, {"text": said.text, "rating": said.rating})
    return once.Asked(f"customer:{complaint_id}", key, meant)


def tidy(text: str) -> str:
    """Words of a customer as they are kept: composed (NFC), without control and direction characters."""
    return kept(unicodedata.normalize("NFC", text))


async def _carry_out(tx: Tx, journey: Journey, key: PersonKey, said: Said) -> None:
    complaint_id, event_id = journey.complaint_id, new_id()
    model, field, what = _EVENTS[said.action]
    sealed = key.seal(complaint_id, field, said.text) if said.text and field else None
    after = done(said.action, journey, said.rating)
    version = journey.own_version + 1
    fields: dict[str, Any] = {
        "event_id": event_id,
        "complaint_id": complaint_id,
        "reference": journey.reference,
        "occurred_at": tx.now,
        "version": version,
        "cause": Cause(kind="request", id=str(event_id), actor="customer"),
        "person_id": key.person_id,
        "question_event_id": journey.question_id,
        "resolution_event_id": journey.resolution_id,
        "rating": said.rating,
    }
    if field:
        fields[field] = sealed
    event = model(**{name: value for name, value in fields.items() if name in model.model_fields})
    await store.update(tx, [store.with_version(after, version)])
    entry = Entry(
        complaint_id=complaint_id,
        event_id=event_id,
        at=tx.now,
        what=what,
        department=journey.department,
        text=sealed,
        field=field if sealed else None,
    )
    await store.insert_entries(tx, [entry])
    tx.emit(event)


def _open(key: PersonKey, complaint_id: UUID, field: str | None, sealed: str | None) -> str:
    text = open_sealed(key, complaint_id, field or "text", sealed)
    return text if isinstance(text, str) else ""


_EVENTS: Mapping[Action, tuple[type[Event], str, What]] = {
    "reply": (CustomerReplied, "text", "replied"),
    "add": (CustomerAdded, "text", "added"),
    "confirm": (ComplaintConfirmed, "", "confirmed"),
    "dispute": (ComplaintDisputed, "text", "disputed"),
    "rate": (FeedbackGiven, "comment", "rated"),
}
