"""What the complaints office does about a person: see what would go, ask for erasure, approve it, hold, hand out a copy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.intake.domain.erasure import No, State, may_approve, refusal
from services.intake.handlers.erasing import Erasing
from services.intake.store import Q, erasures
from services.intake.store.erasures import Erasure, Theirs
from shared.events.ids import new_id
from shared.runtime.errors import Transient
from shared.runtime.pg import Database

_TOLD: Final = (
    "reference", "pack", "channel", "language", "received_at", "accepted_at", "state", "department", "title", "text",
    "category", "store_id", "order_id", "name", "email", "phone", "details",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFile:
    """A person as the office sees them: no contact, no word.

    Attributes:
        reference: of the complaint by which they were found.
        erased_at: since when that one is blank.
        under_way: the erasure that is asked for or being carried out.
        no: why they cannot be erased from here.
    """

    reference: str
    complaint_id: UUID
    person_id: UUID
    erased_at: datetime | None
    complaints: Sequence[Theirs]
    under_way: Erasure | None
    no: No | None

    @property
    def opened(self) -> int:
        """How many complaints would end as withdrawn."""
        return sum(one.is_open and one.erased_at is None for one in self.complaints)


class Persons:
    """The use cases."""

    def __init__(self, database: Database, erasing: Erasing) -> None:
        self._database = database
        self._erasing = erasing

    async def open(self, reference: str, pack: str) -> PersonFile | None:
        """Who filed a complaint of this pack; None when there is none of that reference."""
        found = await erasures.person_with(self._database, reference)
        if found is None:
            return None
        complaint_id, person_id, erased_at = found
        complaints = await erasures.complaints_of(self._database, person_id, complaint_id)
        mine = [one for one in complaints if one.pack == pack]
        if not any(one.reference == reference for one in mine):
            return None
        no = refusal(held=(one.held for one in complaints), blank=(one.erased_at is not None for one in complaints))
        if no is None and len(mine) < len(complaints):
            no = No.OTHER_PACK
        return PersonFile(
            reference=reference,
            complaint_id=complaint_id,
            person_id=person_id,
            erased_at=erased_at,
            complaints=mine,
            under_way=await erasures.under_way(self._database, person_id),
            no=no,
        )

    async def reached(self, contact_hashes: Sequence[bytes], pack: str) -> list[str]:
        """One reference of each person of this pack who gave one of these contacts."""
        rows = await self._database.fetch(Q.persons_reached, list(contact_hashes))
        return list({row["person_id"]: row["reference"] for row in rows if row["pack"] == pack}.values())

    async def waiting(self, pack: str) -> list[tuple[str, Erasure]]:
        """Erasures of this pack that wait for a second person, with a reference of each person."""
        rows = await self._database.fetch(Q.erasures_asked, pack)
        return [(row["reference"], Erasure(**{k: v for k, v in dict(row).items() if k != "reference"})) for row in rows]

    async def ask(self, person: PersonFile, *, why: str, by: str, second_person: bool) -> bool:
        """Ask for an erasure; without a second person it is carried out at once. False when one is under way."""
        made = new_id()
        state: State = "asked" if second_person else "approved"
        asked = await erasures.ask(
            self._database, made, person.person_id, person.complaint_id, state=state, why=why, by=by
        )  # fmt: skip
        if asked and not second_person:
            await self._carry_out(made)
        return asked

    async def decide(self, erasure: Erasure, *, approve: bool, by: str, second_person: bool) -> No | None:
        """Approve or decline what was asked for; whoever asked may take it back. Answers why it was not."""
        if approve and not may_approve(asked_by=erasure.asked_by, approver=by, second_person=second_person):
            return No.SAME_PERSON
        if (
            await erasures.decide(self._database, erasure.erasure_id, "approved" if approve else "declined", by)
            and approve
        ):
            return await self._carry_out(erasure.erasure_id)
        return None

    async def _carry_out(self, erasure_id: UUID) -> No | None:
        try:
            return await self._erasing.carry_out(erasure_id)
        except Transient:  # blank by now; what is elsewhere follows (`duties.py`)
            return None

    async def hold(self, reference: str, *, why: str, by: str) -> bool:
        """Keep the person from being erased."""
        return await erasures.hold(self._database, reference, why=why, by=by)

    async def lift(self, reference: str) -> bool:
        """Let them be erased again."""
        return await erasures.lift_hold(self._database, reference)

    async def copy(self, person: PersonFile) -> dict[str, Any]:
        """What intake holds of them, as `person_file` shows it; history and messages are other services'."""
        ids = [one.complaint_id for one in person.complaints]
        told = await self._database.fetch(Q.told_by, ids)
        added = await self._database.fetch(Q.added_to, ids)
        now = await self._database.fetchval(Q.clock)
        return {
            "person_id": str(person.person_id),
            "made_at": _plain(now),
            "complaints": [
                {
                    **{name: _plain(row[name]) for name in _TOLD},
                    "additions": [
                        {"at": _plain(one["at"]), "kind": one["kind"], "text": one["text"]}
                        for one in added
                        if one["complaint_id"] == row["complaint_id"]
                    ],
                    "history": [],
                    "messages": [],
                }
                for row in told
            ],
        }


def as_json(document: dict[str, Any]) -> bytes:
    """The JSON of a copy."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return value
