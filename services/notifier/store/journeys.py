"""Loads and saves journeys, contacts and the story, a whole batch with one statement per table."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.notifier.domain.journey import FIELDS, Journey
from services.notifier.domain.plans import Entry
from services.notifier.domain.values import value
from shared.runtime.errors import Transient
from shared.runtime.pg import load_queries
from shared.runtime.transaction import Tx

QUERIES = load_queries("services.notifier")
EMPTY: Mapping[UUID, Journey] = MappingProxyType({})
_ROUTINE = (
    "complaint_id",
    "acknowledged",
    "phase",
    "department",
    "epoch",
    "clock_epoch",
    "stage",
    "journey_due_at",
    "held",
    "router_version",
    "sla_version",
    "own_version",
)
"""What most events change; the columns of `advance_journeys`."""
_row_of = attrgetter(*FIELDS)
_routine_row = attrgetter(*_ROUTINE)
_others = attrgetter(*(name for name in FIELDS if name not in _ROUTINE))
_contact_row = attrgetter("complaint_id", "person_id", "name", "email", "token", "token_hash", "store", "store_id")
_entry_row = attrgetter(*(field.name for field in fields(Entry)))
_NO_LINES: list[list[Any]] = [[] for _ in fields(Entry)]


@value
class Contact:
    """How to reach the customer of a complaint, and the shop it is about; `name`, `email`, `token` and `store` are sealed.

    Attributes:
        store_id: the shop, where an operator has bound the client to it.
    """

    complaint_id: UUID
    person_id: UUID
    name: str | None
    email: str | None
    token: str
    token_hash: bytes
    store: str | None
    store_id: str | None


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def journey_of(row: Any, first: int = 0) -> Journey:
    """The journey a row holds, whose columns begin at `first`."""
    return Journey.of(tuple(row)[first : first + len(FIELDS)])


async def load(tx: Tx, complaint_ids: Collection[UUID]) -> dict[UUID, Journey]:
    """The journeys of these complaints, locked; those not yet begun are missing."""
    rows = await tx.fetch(QUERIES.load_journeys, list(complaint_ids))
    return {row["complaint_id"]: journey_of(row) for row in rows}


async def insert(tx: Tx, journeys: Sequence[Journey]) -> None:
    """Keep journeys that began in this transaction.

    Raises:
        Transient: another copy of the service began one of them at the same moment; the batch is to be done again.
    """
    if journeys and len(await tx.fetch(QUERIES.insert_journeys, *columns(map(_row_of, journeys)))) < len(journeys):
        raise begun_elsewhere()


def begun_elsewhere() -> Transient:
    """Another copy of the service began a journey at the same moment."""
    return Transient("a journey was begun by another copy of the service", retry_after=0.05)


async def update(
    tx: Tx, journeys: Sequence[Journey], before: Mapping[UUID, Journey] = EMPTY, entries: Sequence[Entry] = ()
) -> None:
    """Save journeys that `load` locked, and lines of stories; a journey with only routine changes costs a third."""
    routine: list[Journey] = []
    thorough: list[Journey] = []
    for journey in journeys:
        old = before.get(journey.complaint_id)
        (routine if old is not None and _others(old) == _others(journey) else thorough).append(journey)
    if routine:
        lines = columns(map(_entry_row, entries)) or _NO_LINES
        await tx.execute(QUERIES.advance_journeys, *columns(map(_routine_row, routine)), *lines)
    else:
        await insert_entries(tx, entries)
    if thorough:
        await tx.execute(QUERIES.update_journeys, *columns(map(_row_of, thorough)))


def with_version(journey: Journey, version: int) -> Journey:
    """The journey after an event of our own."""
    return journey.evolve(own_version=version)


async def note_owner_told(tx: Tx, complaint_ids: Collection[UUID]) -> None:
    """Note that a notice names the owner of these complaints, and may wait for the date."""
    if complaint_ids:
        await tx.execute(QUERIES.note_owner_told, list(complaint_ids))


async def insert_contacts(tx: Tx, contacts: Sequence[Contact]) -> None:
    """Keep how to reach the customers of new complaints."""
    if contacts:
        await tx.execute(QUERIES.insert_contacts, *columns(map(_contact_row, contacts)))


async def insert_entries(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add lines to stories."""
    if entries:
        await tx.execute(QUERIES.insert_entries, *columns(map(_entry_row, entries)))


async def complaints_of(tx: Tx, person_ids: Collection[UUID]) -> list[UUID]:
    """All complaints of these persons."""
    return [row["complaint_id"] for row in await tx.fetch(QUERIES.find_complaints_of, list(person_ids))]


async def erase(tx: Tx, complaint_ids: Collection[UUID]) -> None:
    """Empty contacts and words of these complaints."""
    await tx.execute(QUERIES.erase_contacts, list(complaint_ids))
    await tx.execute(QUERIES.erase_entries, list(complaint_ids))
    await tx.execute(QUERIES.erase_commands, list(complaint_ids))
