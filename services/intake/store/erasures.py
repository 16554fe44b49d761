"""Erasures in the tables: who asked for what, what of a person is there, and blanking it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.erasure import State
from services.intake.store import Q, Reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """That somebody asked for the erasure of a person.

    Attributes:
        complaint_id: by which the person was found.
        told: references of the complaints that were blanked.
    """

    erasure_id: UUID
    person_id: UUID
    complaint_id: UUID
    state: State
    why: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    told: Sequence[str]
    done_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """A complaint of a person who may be erased.

    Attributes:
        held: why the person may not be erased, where somebody said so.
    """

    complaint_id: UUID
    reference: str
    pack: str
    received_at: datetime
    email: str | None
    state: str
    erased_at: datetime | None
    held: str | None
    held_by: str | None
    held_since: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether somebody still works on it."""
        return self.state in ("submitted", "assigned")


class Blank(NamedTuple):
    """A complaint that was blanked, with the version of the event that says so."""

    complaint_id: UUID
    reference: str
    person_id: UUID
    version: int
    withdrawn: bool


async def person_with(db: Reads, reference: str) -> tuple[UUID, UUID, datetime | None] | None:
    """Complaint, person, and since when it is blank, by a reference in canonical form."""
    row = await db.fetchrow(Q.person_with, reference)
    return (row["complaint_id"], row["person_id"], row["erased_at"]) if row is not None else None


async def persons_reached(db: Reads, contact_hashes: Sequence[bytes]) -> dict[UUID, list[tuple[UUID, str]]]:
    """The persons who gave one of these contacts, each with the ids and references of those complaints."""
    found: dict[UUID, list[tuple[UUID, str]]] = {}
    for row in await db.fetch(Q.persons_reached, list(contact_hashes)):
        found.setdefault(row["person_id"], []).append((row["complaint_id"], row["reference"]))
    return found


async def complaints_of(db: Reads, person_id: UUID, complaint_id: UUID) -> list[Theirs]:
    """All complaints of a person, found from one of them."""
    return [Theirs(**row) for row in await db.fetch(Q.complaints_of_person, person_id, complaint_id)]


async def ask(
    db: Reads, erasure_id: UUID, person_id: UUID, complaint_id: UUID, *, state: State, why: str, by: str
) -> bool:
    """Write an erasure down; False when one of this person is under way."""
    asked = await db.fetchval(Q.ask_erasure, erasure_id, person_id, complaint_id, state, why, by)
    return asked is not None


async def under_way(db: Reads, person_id: UUID) -> Erasure | None:
    """The erasure of a person that was asked for and is not finished."""
    row = await db.fetchrow(Q.erasure, person_id)
    return Erasure(**row) if row is not None else None


async def one(db: Reads, erasure_id: UUID) -> Erasure | None:
    """An erasure by its id."""
    row = await db.fetchrow(Q.erasure, erasure_id)
    return Erasure(**row) if row is not None else None


async def due(db: Reads) -> list[UUID]:
    """Erasures that are decided and not finished."""
    return [row["erasure_id"] for row in await db.fetch(Q.erasures_due)]


async def decide(db: Reads, erasure_id: UUID, state: State, by: str) -> bool:
    """Let an erasure that was asked for be carried out, or not; False when it was decided before."""
    return await db.fetchval(Q.decide_erasure, erasure_id, state, by) is not None


async def take(db: Reads, erasure_id: UUID) -> tuple[UUID, UUID, str] | None:
    """Lock an approved erasure: person, complaint and who asked; None when it is done or somebody is at it."""
    row = await db.fetchrow(Q.take_erasure, erasure_id)
    return (row["person_id"], row["complaint_id"], row["asked_by"]) if row is not None else None


async def blank(db: Reads, complaint_ids: Collection[UUID], *, by: str, at: datetime, said: bool = True) -> list[Blank]:
    """Blank complaints with all that belongs to them, those open being withdrawn; answers what is to be said.

    Args:
        said: it is said now; else the events stand on the topic already.
    """
    ids = sorted(complaint_ids)
    ended = [row["complaint_id"] for row in await db.fetch(Q.end_open, ids)]
    if said:
        await db.execute(Q.end_story, ended, by, at)
    await db.execute(Q.blank_answers, ids)
    await db.execute(Q.blank_additions, ids)
    rows = await db.fetch(Q.blank_complaints, ids, ended, at, said)
    made = (Blank(**row, withdrawn=row["complaint_id"] in ended) for row in rows)
    return sorted(made, key=lambda one: one.complaint_id)


async def hold(db: Reads, reference: str, *, why: str, by: str) -> bool:
    """Keep the person of a complaint from being erased; False when there is no such complaint, or it is blank."""
    return await db.fetchval(Q.hold, reference, why, by) is not None


async def lift_hold(db: Reads, reference: str) -> bool:
    """Let them be erased again; False when there was no hold."""
    return await db.fetchrow(Q.lift_hold, reference) is not None
