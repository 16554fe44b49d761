"""Which person is meant: by a reference, or by an address or number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic_core import PydanticCustomError

from deploy.database import Connection
from deploy.stack.errors import StackError
from deploy.stack.settings import load_settings
from services.intake.domain.contact import lookup_email, normalise_email, normalise_phone
from services.intake.store import erasures
from services.intake.store.erasures import Theirs
from shared.events.reference import BadReference, parse_reference
from shared.policies.packs import load_packs
from shared.runtime.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person who may be erased.

    Attributes:
        complaint_id: the complaint by which they were found.
        erased_at: since when that one is blank.
    """

    person_id: UUID
    complaint_id: UUID
    erased_at: datetime | None
    complaints: Sequence[Theirs]

    @property
    def ids(self) -> list[UUID]:
        """Of all their complaints."""
        return [one.complaint_id for one in self.complaints]

    @property
    def references(self) -> list[str]:
        """Of all their complaints."""
        return [one.reference for one in self.complaints]

    @property
    def held(self) -> list[Theirs]:
        """Complaints that keep them from being erased."""
        return [one for one in self.complaints if one.held is not None]


async def by_reference(connection: Connection, told: str) -> Person:
    """The person who filed a complaint.

    Raises:
        StackError: it is no reference, or there is no such complaint.
    """
    try:
        reference = parse_reference(told)
    except BadReference as error:
        raise StackError(f"{told!r} is no reference: {error}", "Give it as R-4K7M-2XA9") from None
    found = await erasures.person_with(connection, reference)
    if found is None:
        raise StackError(f"There is no complaint {reference}", "Check the reference")
    complaint_id, person_id, erased_at = found
    return await _person(connection, person_id, complaint_id, erased_at)


async def by_contact(connection: Connection, vault: Vault | None, told: str) -> list[Person]:
    """The persons who gave an address or a number; several where one of them gave other contacts too.

    Raises:
        StackError: it is neither address nor number, or there is no master key here.
    """
    wanted = contacts_of(told)
    if vault is None:
        raise StackError(
            "There is no master key here, and people are found by hashes that need it",
            "Name its file in MASTER_KEY_FILE, or erase by a reference",
        )
    hashes = [vault.contact_hash(kind, contact) for kind, contact in wanted]  # type: ignore[arg-type]
    found = await erasures.persons_reached(connection, hashes)
    return [await _person(connection, person_id, theirs[0][0], None) for person_id, theirs in found.items()]


def contacts_of(told: str) -> list[tuple[str, str]]:
    """Kind and normal form of an address, or of a number in the region of each pack.

    Raises:
        StackError: it is neither.
    """
    if "@" in told:
        try:
            return [("email", lookup_email(normalise_email(told)))]
        except PydanticCustomError:
            raise StackError(
                f"{told!r} is no e-mail address", "Give the whole address, such as li@example.com"
            ) from None
    regions = sorted({pack.phone_region for pack in load_packs(load_settings().policies_dir).by_name.values()})
    numbers = set()
    for region in regions:
        try:
            numbers.add(normalise_phone(told, region))
        except PydanticCustomError:
            continue
    if not numbers:
        raise StackError(f"{told!r} is no phone number", f"Give it with its country code (+86 …); known: {regions}")
    return [("phone", number) for number in sorted(numbers)]


async def _person(connection: Connection, person_id: UUID, complaint_id: UUID, erased_at: datetime | None) -> Person:
    complaints = await erasures.complaints_of(connection, person_id, complaint_id)
    return Person(person_id=person_id, complaint_id=complaint_id, erased_at=erased_at, complaints=complaints)
