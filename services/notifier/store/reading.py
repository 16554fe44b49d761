"""What pages read, without locking anything."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.notifier.domain.journey import Journey
from services.notifier.store.journeys import QUERIES, journey_of
from shared.runtime.pg import Database
from shared.runtime.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the story; `text` is sealed under `field`."""

    event_id: UUID
    at: datetime
    what: str
    department: str | None
    text: str | None
    field: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A line of the ledger. `settled_at` is when it was sent, failed or suppressed; `next_at` when it is looked at."""

    notice_id: UUID
    kind: str
    channel: str
    state: str
    reason: str | None
    attempts: int
    resends: int
    message_id: str | None
    cause_id: UUID
    created_at: datetime
    settled_at: datetime | None
    next_at: datetime | None
    traceparent: str | None

    @property
    def at(self) -> datetime:
        """When it came to its state, or was written down."""
        return self.settled_at or self.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A line of the ledger with the complaint it belongs to."""

    sent: Sent
    reference: str
    department: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a reader may see: complaints of this pack and of these departments; none means all."""

    pack: str | None
    departments: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """A page of them, how many there are in all (counted to 10,000), and where the next page begins."""

    rows: tuple[Trouble, ...]
    total: int
    after: str | None = None


_LINE = tuple(field.name for field in fields(Line))
_SENT = tuple(field.name for field in fields(Sent))


async def find_by_token(database: Database, token_hash: bytes) -> tuple[UUID, UUID] | None:
    """Complaint and person behind a private link."""
    row = await database.fetchrow(QUERIES.find_by_token, token_hash)
    return (row["complaint_id"], row["person_id"]) if row is not None else None


async def find_by_reference(database: Database, reference: str) -> Journey | None:
    """The complaint a reference names."""
    row = await database.fetchrow(QUERIES.find_by_reference, reference)
    return journey_of(row) if row is not None else None


class Whole(NamedTuple):
    """Everything about one complaint: `name` and `store` are sealed, `now` is the database's time."""

    journey: Journey
    name: str | None
    store: str | None
    store_id: str | None
    lines: tuple[Line, ...]
    sent: tuple[Sent, ...]
    now: datetime


async def read(database: Database, complaint_id: UUID) -> Whole | None:
    """All that the page of one complaint shows; None where nothing is told any more."""
    async with database.connection() as connection:
        row = await connection.fetchrow(QUERIES.read_journey, complaint_id)
        if row is None or row["erased"]:
            return None
        lines = await connection.fetch(QUERIES.read_entries, complaint_id)
        sent = await connection.fetch(QUERIES.read_notices, complaint_id)
    return Whole(
        journey_of(row),
        row["name"],
        row["store"],
        row["store_id"],
        tuple(map(_line_of, lines)),
        tuple(map(sent_of, sent)),
        row["now"],
    )


async def notices_of(database: Database, complaint_id: UUID) -> tuple[Sent, ...]:
    """The ledger of one complaint, oldest first."""
    return tuple(map(sent_of, await database.fetch(QUERIES.read_notices, complaint_id)))


async def troubles(database: Database, state: str, reach: Reach, limit: int, after: str | None = None) -> Troubles:
    """A page of notices that failed, whose outcome is unknown, or that wait; the newest (waiting: the most urgent) first.

    Args:
        after: of the page before; what is no place is the beginning.
    """
    waiting = state == "waiting"
    departments = list(reach.departments) if reach.departments is not None else None
    wanted: tuple[Any, ...] = () if waiting else (state or None,)
    query = QUERIES.read_waiting if waiting else QUERIES.read_troubles
    count = QUERIES.count_waiting if waiting else QUERIES.count_troubles
    async with database.connection() as connection:
        total: int = await connection.fetchval(count, reach.pack, departments, *wanted)
        rows = await connection.fetch(query, reach.pack, departments, limit + 1, *wanted, *_place_of(after))
    more, rows = len(rows) > limit, rows[:limit]
    found = tuple(Trouble(sent=sent_of(row), reference=row["reference"], department=row["department"]) for row in rows)
    last = (rows[-1]["next_at" if waiting else "settled_at"], rows[-1]["notice_id"]) if more else None
    return Troubles(rows=found, total=total, after=f"{last[0].isoformat()}~{last[1]}" if last else None)


def _place_of(after: str | None) -> tuple[datetime | None, UUID | None]:
    at, _, notice_id = (after or "").partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(notice_id)
    except (ValueError, OverflowError):
        return None, None


async def recently_added(tx: Tx, complaint_id: UUID, since: datetime) -> list[str]:
    """Sealed words that the customer added of late."""
    return [row["text"] for row in await tx.fetch(QUERIES.recently_added, complaint_id, since)]


def _line_of(row: Any) -> Line:
    return Line(**{name: row[name] for name in _LINE})


def sent_of(row: Any) -> Sent:
    """The ledger line a row holds."""
    return Sent(**{name: row[name] for name in _SENT})
