"""The vault: a data key per person, and the sealing of personal text with it (AES-256-GCM).

A person's key is wrapped (AES key wrap, RFC 3394) by a master key that is not in Postgres. Whoever deletes the key
erases the person: what was sealed opens as `Erased` from then on, never as an error. A key service (KMS) would stand here.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from shared.events.ids import new_id
from shared.runtime.pg import Database

_PREFIX: Final = "s1."


class Erased:
    """Stands where an erased person's text was. Falsy; prints as a fixed mark."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "[erased]"

    __repr__ = __str__


ERASED: Final = Erased()


@dataclass(frozen=True, slots=True)
class PersonKey:
    """The open key of one person. Never logged, never stored."""

    person_id: UUID
    _cipher: AESGCM = field(repr=False)

    def seal(self, complaint_id: UUID, name: str, text: str) -> str:
        """Seal one field of one complaint; it opens only for the same complaint and field."""
        nonce = os.urandom(12)
        box = nonce + self._cipher.encrypt(nonce, text.encode(), _bound_to(complaint_id, name))
        return _PREFIX + base64.urlsafe_b64encode(box).rstrip(b"=").decode()

    def seal_all(self, complaint_id: UUID, fields: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Seal fields of one complaint, each as `seal` does; the id is spelt out and random bytes are drawn once."""
        bound, drawn = f"{complaint_id}|", os.urandom(12 * len(fields))
        sealed: dict[str, str] = {}
        for place, (name, text) in enumerate(fields):
            nonce = drawn[12 * place : 12 * place + 12]
            box = nonce + self._cipher.encrypt(nonce, text.encode(), (bound + name).encode())
            sealed[name] = _PREFIX + base64.urlsafe_b64encode(box).rstrip(b"=").decode()
        return sealed

    def open(self, complaint_id: UUID, name: str, sealed: str) -> str | Erased:
        """Open one field. What was sealed for another complaint, field or key opens as `ERASED`."""
        body = sealed.removeprefix(_PREFIX)
        try:
            box = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            return self._cipher.decrypt(box[:12], box[12:], _bound_to(complaint_id, name)).decode()
        except (InvalidTag, ValueError):
            return ERASED


def open_sealed(key: PersonKey | None, complaint_id: UUID, name: str, sealed: str | None) -> str | Erased | None:
    """Open a field that may be absent, of a person whose key may be gone."""
    if sealed is None:
        return None
    return key.open(complaint_id, name, sealed) if key is not None else ERASED


def _bound_to(complaint_id: UUID, name: str) -> bytes:
    return f"{complaint_id}|{name}".encode()


class Vault:
    """Keys of persons, reached by two SQL functions, one query per batch."""

    def __init__(self, database: Database, master_key: bytes) -> None:
        self._database = database
        self._wrapping = hashlib.sha256(b"redress.wrap|" + master_key).digest()
        self._hashing = hashlib.sha256(b"redress.contact|" + master_key).digest()

    def contact_hash(self, kind: Literal["email", "phone"], normalised: str) -> bytes:
        """The keyed hash by which a person is found again. The contact must be normalised before."""
        return hmac.digest(self._hashing, f"{kind}|{normalised}".encode(), "sha256")

    async def keys_for(self, contact_hashes: Sequence[bytes | None]) -> list[PersonKey]:
        """The key of each contact's person, in order; a person not yet known is created.

        `None` stands for somebody who left no contact: a new person each time.
        """
        wanted = list(dict.fromkeys(h for h in contact_hashes if h is not None))
        nameless = [index for index, h in enumerate(contact_hashes) if h is None]
        hashes: list[bytes | None] = [*wanted, *(None for _ in nameless)]
        keys = [AESGCM.generate_key(bit_length=256) for _ in hashes]
        rows = await self._database.fetch(
            "SELECT ord, person_id, wrapped_key FROM vault.keys_for($1::bytea[], $2::uuid[], $3::bytea[])",
            hashes,
            [new_id() for _ in hashes],
            [aes_key_wrap(self._wrapping, key) for key in keys],
        )
        found = {row["ord"]: self._unwrap(row["person_id"], row["wrapped_key"]) for row in rows}
        by_hash = {contact: found[place] for place, contact in enumerate(wanted, 1)}
        new = iter(range(len(wanted) + 1, len(hashes) + 1))
        return [found[next(new)] if contact is None else by_hash[contact] for contact in contact_hashes]

    async def keys_of(self, person_ids: Iterable[UUID]) -> Mapping[UUID, PersonKey]:
        """The keys of persons; an erased person is missing from the answer."""
        ids = list(set(person_ids))
        if not ids:
            return {}
        rows = await self._database.fetch("SELECT person_id, wrapped_key FROM vault.keys_of($1::uuid[])", ids)
        return {row["person_id"]: self._unwrap(row["person_id"], row["wrapped_key"]) for row in rows}

    def _unwrap(self, person_id: UUID, wrapped: bytes) -> PersonKey:
        return PersonKey(person_id, AESGCM(aes_key_unwrap(self._wrapping, wrapped)))
