"""Whose key a complaint is sealed under, without asking before: new persons are proposed along with their complaints.

Most complaints come from people nobody knew. A key is made for each, the complaint is sealed under it, and the
statement that files the complaint also makes the person: one round trip and one commit instead of two. Of a person
who was known already it files nothing; it answers that person's key, and the complaint is sealed anew under it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.events.ids import new_id
from shared.runtime.master_keys import MasterKeys, new_key
from shared.runtime.pg import Database
from shared.runtime.vault import ClosedKey, PersonKey, Vault


@dataclass(frozen=True, slots=True)
class Proposal:
    """Persons that come to be when their complaints are filed: arguments of `vault.keys_for`, one place per person."""

    places: Sequence[int]
    """The place of each complaint's person in the other lists."""
    hashes: Sequence[bytes | None]
    person_ids: Sequence[UUID]
    wrapped: Sequence[bytes]
    key_id: str
    """The master key that wraps them."""
    open: Sequence[PersonKey]

    @property
    def keys(self) -> list[PersonKey]:
        """The key proposed for each complaint, in order."""
        return [self.open[place] for place in self.places]


class Persons(Vault):
    """The vault, with persons that are made by the statement that needs them."""

    def __init__(self, database: Database, masters: MasterKeys, *, beside: bool) -> None:
        """`beside`: the vault is in the database of the complaints, so that one statement reaches both."""
        super().__init__(database, masters)
        self.beside = beside

    def propose(self, contact_hashes: Iterable[bytes | None]) -> Proposal:
        """A new person for each contact; `None` is somebody else each time. Nothing is stored yet."""
        hashes: list[bytes | None] = []
        places: list[int] = []
        place_of: dict[bytes, int] = {}
        for contact in contact_hashes:
            place = len(hashes) if contact is None else place_of.setdefault(contact, len(hashes))
            if place == len(hashes):
                hashes.append(contact)
            places.append(place)
        raw, current = [new_key() for _ in hashes], self._masters.current
        ids = [new_id() for _ in hashes]
        return Proposal(
            places,
            hashes,
            ids,
            [current.wrap(key) for key in raw],
            current.key_id,
            [PersonKey(person_id, AESGCM(key)) for person_id, key in zip(ids, raw, strict=True)],
        )

    async def known(
        self, proposal: Proposal, found: Iterable[tuple[int, UUID, bytes, str | None]]
    ) -> dict[UUID, PersonKey]:
        """Proposed person → the key of the person who was there before; a stranger's, where that one cannot be used.

        Args:
            proposal: as proposed.
            found: place (from 1), id, wrapped key and master key of those who were known, as `vault.keys_for` answers.
        """
        keys = {
            proposal.person_ids[place - 1]: self.key_of(person_id, wrapped, key_id)
            for place, person_id, wrapped, key_id in found
        }
        closed = [proposed for proposed, key in keys.items() if isinstance(key, ClosedKey)]
        if closed:
            keys.update(zip(closed, await self.keys_for([None] * len(closed)), strict=True))
        return keys
