"""Intake's tables, through the named blocks of `queries.sql`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from services.intake.domain.admission import Client
from services.intake.domain.lifecycle import Stage, Standing, answer_date, stage_of
from services.intake.domain.reach import Reach as Hears
from services.intake.domain.reach import reach as hears
from shared.events.envelope import type_of
from shared.events.intake import ComplaintSubmitted
from shared.events.topics import INTAKE
from shared.runtime.pg import load_queries

Q = load_queries("services.intake")
_SUBMITTED = type_of(ComplaintSubmitted)
_STANDING = tuple(field.name for field in fields(Standing))


class NewPersons(Protocol):
    """Arguments of `vault.keys_for`: persons that come to be with their complaints."""

    @property
    def hashes(self) -> Sequence[bytes | None]:
        """The contact each is found by."""

    @property
    def person_ids(self) -> Sequence[UUID]:
        """Their ids."""

    @property
    def wrapped(self) -> Sequence[bytes]:
        """Their keys."""

    @property
    def key_id(self) -> str:
        """The master key that wraps them."""


class Reads(Protocol):
    """Whatever runs queries: a pool, a connection, a transaction."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Any]:
        """All rows of a query."""

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        """The first row of a query."""

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row."""

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement."""


class Row(NamedTuple):
    """A complaint ready to be filed: the type `filing` of the database, column by column."""

    client_id: int
    key: UUID
    digest: bytes
    answer: str
    complaint_id: UUID
    reference: str
    pack: str
    channel: str
    language: str
    received_at: datetime
    person_id: UUID
    title: str | None
    body: str
    category: str | None
    store_id: str | None
    order_id: str | None
    customer_name: str | None
    email: str | None
    phone: str | None
    email_hash: bytes | None
    phone_hash: bytes | None
    details: str | None
    shard: int
    event_id: UUID
    traceparent: str | None
    payload: bytes


class Stored(NamedTuple):
    """What is kept under a key that was used."""

    digest: bytes
    answer: str
    complaint_id: UUID
    person_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whose complaints are within reach: those of one client, or those of one pack for staff."""

    client_id: int | None = None
    pack: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledComplaint:
    """A complaint as intake knows it, in clear: for the call desk and for its own channel."""

    complaint_id: UUID
    reference: str
    channel: str
    language: str
    received_at: datetime
    state: str
    department: str | None
    journey_due_at: datetime | None = None
    extended_due_at: datetime | None = None
    waits_for: str | None = None
    seen_version: int = 0
    clock_version: int = 0
    title: str | None = None
    body: str | None = None
    category: str | None = None
    customer_name: str | None = None
    about: str | None = None
    has_address: bool = False
    has_number: bool = False
    consent: bool = False

    @property
    def reach(self) -> Hears:
        """How the customer hears of it, as far as the row says."""
        return hears(address=self.has_address, number=self.has_number, consent=self.consent)

    @property
    def due_at(self) -> datetime | None:
        """By when the customer has an answer, if that is known and not paused."""
        return answer_date(self.state, self.journey_due_at, self.extended_due_at)

    @property
    def stage(self) -> Stage:
        """Where it stands, as finely as intake knows."""
        paused = self.clock_version > 0 and self.journey_due_at is None
        return stage_of(self.state, waits_for=self.waits_for, paused=paused, reopened=self.seen_version > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A complaint locked for an amendment or a withdrawal."""

    complaint_id: UUID
    reference: str
    person_id: UUID
    version: int
    erased: bool
    standing: Standing


async def file(db: Reads, rows: Sequence[Row], now: datetime) -> tuple[datetime, set[UUID]]:
    """File a group in one statement.

    Returns:
        The database's clock, and the ids of the complaints that are new; the other rows' keys were used before.
    """
    answer = await db.fetchrow(Q.file_complaints, rows, now, INTAKE.name, _SUBMITTED)
    return answer["now"], set(answer["won"])


class FiledWithPersons(NamedTuple):
    """What became of a group whose persons were proposed with it."""

    now: datetime
    won: set[UUID]
    """Complaints that are new."""
    known: list[tuple[int, UUID, bytes, str | None]]
    """Persons who were known: place among the proposed (from 1), id, wrapped key and its master key's id. Nothing of
    theirs is filed."""


async def file_with_persons(db: Reads, rows: Sequence[Row], now: datetime, persons: NewPersons) -> FiledWithPersons:
    """File a group and make its persons in one statement; of persons who were known it files nothing."""
    answer = await db.fetchrow(
        Q.file_with_persons,
        rows,
        now,
        INTAKE.name,
        _SUBMITTED,
        persons.hashes,
        persons.person_ids,
        persons.wrapped,
        persons.key_id,
    )
    known = zip(*(answer[name] or () for name in ("places", "person_ids", "wrapped", "key_ids")), strict=True)
    return FiledWithPersons(answer["now"], set(answer["won"]), list(known))


async def stored_answers(db: Reads, keys: Sequence[tuple[int, UUID]]) -> list[Stored | None]:
    """What is stored under each (client, key), in order; None where there is nothing."""
    found = await db.fetch(Q.stored_answers, [client for client, _ in keys], [key for _, key in keys])
    by_place = {row["n"]: Stored(row["digest"], row["answer"], row["complaint_id"], row["person_id"]) for row in found}
    return [by_place.get(place) for place in range(1, len(keys) + 1)]


async def clock(db: Reads) -> datetime:
    """The database's clock."""
    now: datetime = await db.fetchval(Q.clock)
    return now


async def next_references(db: Reads) -> range:
    """A block of 1,000 numbers nobody else gets."""
    block: int = await db.fetchval(Q.reference_block)
    return range(block * 1_000, block * 1_000 + 1_000)


async def live_keys(db: Reads) -> dict[bytes, Client]:
    """Hash of each key that opens the door → its client."""
    return {row["key_hash"]: _client(row) for row in await db.fetch(Q.live_keys)}


async def built_in_clients(db: Reads) -> dict[str, Client]:
    """The clients our own pages act as, by name."""
    return {row["name"]: _client(row) for row in await db.fetch(Q.built_in_clients)}


def _client(row: Any) -> Client:
    return Client(
        client_id=row["client_id"],
        name=row["name"],
        channel=row["channel"],
        pack=row["pack"],
        store_id=row["store_id"],
        rate=row["rate"],
    )


async def hold(db: Reads, complaint_id: UUID, reach: Reach) -> Held | None:
    """Lock a complaint within reach; None when there is none with that id."""
    row = await db.fetchrow(Q.hold_complaint, complaint_id, reach.client_id, reach.pack)
    if row is None:
        return None
    standing = _standing(await db.fetchrow(Q.hold_standing, complaint_id))
    return Held(
        complaint_id=row["complaint_id"],
        reference=row["reference"],
        person_id=row["person_id"],
        version=row["version"],
        erased=row["erased"],
        standing=standing,
    )


async def person_of(db: Reads, complaint_id: UUID, reach: Reach) -> UUID | None:
    """Whose complaint it is; None when there is none with that id within reach."""
    person_id: UUID | None = await db.fetchval(Q.person_of, complaint_id, reach.client_id, reach.pack)
    return person_id


async def keep_answer(
    db: Reads, client: Client, key: UUID, digest: bytes, *, complaint_id: UUID, answer: str, now: datetime
) -> bool:
    """Store the answer of an operation under its key; False when the key was used before."""
    kept = await db.fetchval(Q.store_answer, client.client_id, key, digest, complaint_id, answer, now)
    return kept is not None


async def add(
    db: Reads, held: Held, *, version: int, kind: str, body: str | None, actor: str, at: datetime, state: str
) -> None:
    """Keep an amendment or a withdrawal and the complaint's new version and state."""
    await db.execute(Q.add, held.complaint_id, version, kind, body, actor, at, state)


async def status(db: Reads, complaint_id: UUID, reach: Reach) -> FiledComplaint | None:
    """A complaint as its own client may see it, or staff of its pack."""
    row = await db.fetchrow(Q.complaint_status, complaint_id, reach.client_id, reach.pack)
    return FiledComplaint(**row) if row is not None else None


async def open_cases(
    db: Reads, pack: str, contact_hashes: Sequence[bytes], limit: int = 20
) -> tuple[list[FiledComplaint], int]:
    """Open complaints in a pack of whoever is reached by one of these contacts (`Vault.contact_hash`), newest first, at
    most `limit` of them; and how many there are.
    """
    rows = [dict(row) for row in await db.fetch(Q.open_cases, list(contact_hashes), limit, pack)]
    total = max((row.pop("total") for row in rows), default=0)
    return [FiledComplaint(**row) for row in rows], total


async def by_reference(db: Reads, reference: str) -> FiledComplaint | None:
    """A complaint by the reference a person reads out (canonical form, `shared.events.reference`)."""
    row = await db.fetchrow(Q.complaint_by_reference, reference)
    return FiledComplaint(**row) if row is not None else None


async def first_news(db: Reads, heard: Mapping[UUID, Standing]) -> set[UUID]:
    """Write where complaints stand of which nothing was known; answers which those were."""
    return {row["complaint_id"] for row in await db.fetch(Q.first_news, *_columns(heard))}


async def standings(db: Reads, complaint_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """What is known of these cases, locked; one of which nothing was heard is missing."""
    return {row["complaint_id"]: _standing(row) for row in await db.fetch(Q.standings, complaint_ids)}


async def save_standings(db: Reads, changed: Mapping[UUID, Standing]) -> None:
    """Write what was heard, all cases with one statement."""
    await db.execute(Q.save_standings, *_columns(changed))


def _standing(row: Any) -> Standing:
    return Standing(**{name: row[name] for name in _STANDING})


def _columns(standings: Mapping[UUID, Standing]) -> tuple[list[Any], ...]:
    """One array for each parameter of the statements, in the order of the table."""
    values = standings.values()
    return list(standings), *([getattr(standing, name) for standing in values] for name in _STANDING)


async def clear_answers(db: Reads, limit: int) -> list[tuple[int, UUID, str, UUID]]:
    """Client, key, answer and person of answers that hold their private link in clear."""
    return [
        (row["client_id"], row["key"], row["answer"], row["person_id"])
        for row in await db.fetch(Q.clear_answers, limit)
    ]


async def replace_answers(db: Reads, answers: Sequence[tuple[int, UUID, str]]) -> None:
    """Store other answers under keys: client, key, answer."""
    clients, keys, texts = ([row[place] for row in answers] for place in range(3))
    await db.execute(Q.replace_answers, clients, keys, texts)
