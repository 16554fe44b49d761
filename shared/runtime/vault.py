"""The vault: a data key per person, and the sealing of personal text with it (AES-256-GCM).

A person's key is wrapped (AES key wrap, RFC 3394) by a master key that is not in Postgres (`master_keys.py`). Whoever
deletes the key erases the person: what was sealed opens as `Erased` from then on, never as an error. A key service (KMS)
would stand here. Before its first use the vault is opened: a canary tells whether the master key is the right one.
"""

import asyncio
import base64
import hmac
import logging
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.events.ids import new_id
from shared.runtime import metrics
from shared.runtime.errors import Transient
from shared.runtime.master_keys import (
    KeyDamaged,
    KeyNotLoaded,
    KeyUnavailable,
    MasterKey,
    MasterKeys,
    WrongMasterKey,
    new_key,
)
from shared.runtime.pg import Database

log = logging.getLogger(__name__)
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


class Unreadable(Erased):
    """Stands where a text is that cannot be opened although its person was not erased: the key is damaged or lost."""

    __slots__ = ()

    def __str__(self) -> str:
        return "[cannot be opened]"

    __repr__ = __str__


UNREADABLE: Final = Unreadable()


@dataclass(frozen=True, slots=True)
class PersonKey:
    """The open key of one person. Never logged, never stored."""

    person_id: UUID
    _cipher: AESGCM = field(repr=False)

    @property
    def is_damaged(self) -> bool:
        """Whether it is known that nothing of this person can ever be opened or sealed, though nobody erased them."""
        return False

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


@dataclass(frozen=True, slots=True)
class ClosedKey(PersonKey):
    """Stands for the key of a person who is known and not erased, whose key cannot be used here.

    What is damaged for good opens as `UNREADABLE`, so that the person's complaints go their way without their words.
    Where only a master key is missing, everything waits for it.
    """

    why: KeyUnavailable

    @property
    def is_damaged(self) -> bool:
        """Whether no master key will ever open it."""
        return isinstance(self.why, KeyDamaged)

    def seal(self, complaint_id: UUID, name: str, text: str) -> str:
        """Nothing can be sealed.

        Raises:
            KeyUnavailable: always.
        """
        raise self.why

    def seal_all(self, complaint_id: UUID, fields: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Nothing can be sealed.

        Raises:
            KeyUnavailable: always.
        """
        raise self.why

    def open(self, complaint_id: UUID, name: str, sealed: str) -> str | Erased:
        """`UNREADABLE` for good.

        Raises:
            KeyNotLoaded: when it would open with a master key that is not loaded.
        """
        if self.is_damaged:
            return UNREADABLE
        raise self.why


def open_sealed(key: PersonKey | None, complaint_id: UUID, name: str, sealed: str | None) -> str | Erased | None:
    """Open a field that may be absent, of a person whose key may be gone."""
    if sealed is None:
        return None
    return key.open(complaint_id, name, sealed) if key is not None else ERASED


def _bound_to(complaint_id: UUID, name: str) -> bytes:
    return f"{complaint_id}|{name}".encode()


_NO_CIPHER: Final = AESGCM(bytes(32))
"""In a `ClosedKey`, which never uses it."""


class Vault:
    """Keys of persons, reached by a few SQL functions, one query per batch."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._masters = masters
        self._hashing: bytes | None = None
        self._lost: frozenset[str] = frozenset()
        self._opening = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the master key was found right."""
        return self._hashing is not None

    async def open(self) -> None:
        """Find out whether the master key is right; an empty vault takes the current one as its first. Once.

        Raises:
            WrongMasterKey: it is not; the process must end.
        """
        if self._hashing is None:
            async with self._opening:
                if self._hashing is None:
                    self._hashing = await self._open()

    async def _open(self) -> bytes:
        known = await self._known()
        if not known:
            known = await self._begin(await self._first())
        self._judge(known)
        secret = await self._contact_secret()
        if secret is None or self._masters.current.key_id not in known:
            await self._begin(self._masters.current)  # another loaded key opened the vault: this one is new
            secret = await self._contact_secret()
        assert secret is not None
        return self._masters.unwrap(secret["key_id"], secret["wrapped"])

    async def _contact_secret(self) -> Any:
        return await self._database.fetchrow("SELECT key_id, wrapped FROM vault.contact_secret()")

    async def _known(self) -> dict[str, Any]:
        rows = await self._database.fetch("SELECT key_id, canary, lost, used FROM vault.masters()")
        self._lost = frozenset(row["key_id"] for row in rows if row["lost"])
        return {row["key_id"]: row for row in rows}

    async def _begin(self, first: MasterKey) -> dict[str, Any]:
        """Make the current key known, and with the first one the secret of contacts. Two that race agree.

        Args:
            first: the key whose contacts were hashed before the vault had a secret for that.
        """
        current = self._masters.current
        await self._database.execute(
            "SELECT vault.introduce($1, $2, $3, $4, $5)",
            current.key_id,
            current.canary,
            current.wrap(new_key()),
            current.wrap(first.contacts),
            sorted(self._masters.ids),
        )
        return await self._known()

    async def _first(self) -> MasterKey:
        """The key that wrapped what is there from before there were canaries: of the oldest keys, one must open."""
        oldest = await self._database.fetch("SELECT wrapped_key FROM vault.oldest_keys()")
        if not oldest:
            return self._masters.current
        for row in oldest:
            if (found := self._masters.wrapper_of(row["wrapped_key"])) is not None:
                return found
        raise WrongMasterKey(_wrong(self._masters.current, "another master key"))

    def _judge(self, known: Mapping[str, Any]) -> None:
        held = [one for key_id, one in known.items() if (key := self._masters.get(key_id)) and key.opens(one["canary"])]
        if not held and not all(one["lost"] for one in known.values()):
            raise WrongMasterKey(_wrong(self._masters.current, f"master key {', '.join(sorted(known))}"))
        missing = sorted(
            i for i, one in known.items() if one["used"] and not one["lost"] and i not in self._masters.ids
        )
        if missing:
            raise WrongMasterKey(
                f"keys of persons are wrapped by master key {', '.join(missing)}, which is not loaded: name its file in"
                " MASTER_KEYS_OLD, or, if it is lost for good, say so with `redress keys give-up`"
            )

    def contact_hash(self, kind: Literal["email", "phone"], normalised: str) -> bytes:
        """The keyed hash by which a person is found again. The contact must be normalised before.

        Raises:
            Transient: the vault is not open yet.
        """
        if self._hashing is None:
            raise Transient("the vault is not open yet")
        return hmac.digest(self._hashing, f"{kind}|{normalised}".encode(), "sha256")

    async def keys_for(self, contact_hashes: Sequence[bytes | None]) -> list[PersonKey]:
        """The key of each contact's person, in order; a person not yet known is created.

        `None` stands for somebody who left no contact: a new person each time. So does a person whose key cannot be
        used here: nobody is kept from filing by a key that is damaged.
        """
        await self.open()
        found = await self._keys_for(contact_hashes)
        closed = [place for place, key in enumerate(found) if isinstance(key, ClosedKey)]
        for place, stranger in zip(closed, await self._keys_for([None] * len(closed)) if closed else (), strict=True):
            found[place] = stranger
        return found

    async def _keys_for(self, contact_hashes: Sequence[bytes | None]) -> list[PersonKey]:
        wanted = list(dict.fromkeys(h for h in contact_hashes if h is not None))
        nameless = [index for index, h in enumerate(contact_hashes) if h is None]
        hashes: list[bytes | None] = [*wanted, *(None for _ in nameless)]
        current = self._masters.current
        rows = await self._database.fetch(
            "SELECT ord, person_id, wrapped_key, key_id FROM vault.keys_for($1::bytea[], $2::uuid[], $3::bytea[], $4)",
            hashes,
            [new_id() for _ in hashes],
            [current.wrap(new_key()) for _ in hashes],
            current.key_id,
        )
        found = {row["ord"]: self.key_of(row["person_id"], row["wrapped_key"], row["key_id"]) for row in rows}
        by_hash = {contact: found[place] for place, contact in enumerate(wanted, 1)}
        new = iter(range(len(wanted) + 1, len(hashes) + 1))
        return [found[next(new)] if contact is None else by_hash[contact] for contact in contact_hashes]

    async def keys_of(self, person_ids: Iterable[UUID]) -> Mapping[UUID, PersonKey]:
        """The keys of persons; an erased person is missing from the answer. A key that cannot be used is a `ClosedKey`."""
        ids = list(set(person_ids))
        if not ids:
            return {}
        await self.open()
        rows = await self._database.fetch(
            "SELECT person_id, wrapped_key, key_id FROM vault.keys_with_ids($1::uuid[])", ids
        )
        return {row["person_id"]: self.key_of(row["person_id"], row["wrapped_key"], row["key_id"]) for row in rows}

    async def shred(self, person_ids: Collection[UUID]) -> int:
        """Erase persons: their keys are gone for good. Answers how many were there. Intake's and the operator's right."""
        return int(await self._database.fetchval("SELECT vault.shred($1::uuid[])", list(person_ids)))

    def key_of(self, person_id: UUID, wrapped: bytes, key_id: str | None) -> PersonKey:
        """The open key of a person, or a `ClosedKey`: one that does not open is no matter of the others'."""
        try:
            return PersonKey(person_id, AESGCM(self._masters.unwrap(key_id, wrapped)))
        except KeyUnavailable as error:
            why: KeyUnavailable = error
            if isinstance(error, KeyNotLoaded) and error.key_id in self._lost:
                why = KeyDamaged(f"master key {error.key_id} is lost")
        kind = "damaged" if isinstance(why, KeyDamaged) else "not_loaded"
        metrics.CLOSED_KEYS.labels(kind).inc()
        extra = {"action": "key_closed", "person_id": str(person_id), "error": str(why)}
        log.error("the key of a person cannot be used", extra=extra)
        return ClosedKey(person_id, _NO_CIPHER, why)


def _wrong(current: MasterKey, other: str) -> str:
    return (
        f"MASTER_KEY_FILE holds master key {current.key_id}, but the keys of persons are wrapped by {other}:"
        " put the right file back (it belongs to this database's backup), or name the older one in MASTER_KEYS_OLD"
    )
