"""The keys that wrap the keys of persons: the current one, and others that may still be needed.

A master key is 32 random bytes in a file. Its id follows from it, so a wrapped key says which one opens it and nobody
has to number them. New keys are wrapped by the current one; the others only open.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.runtime.errors import Transient

_CANARY: Final = hashlib.sha256(b"redress.canary").digest()


class KeyUnavailable(Transient):
    """A key cannot be used here and now; nothing is wrong with what it seals."""


class KeyNotLoaded(KeyUnavailable):
    """A key is wrapped by a master key that this process was not given."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"master key {key_id} is not loaded: name its file in MASTER_KEYS_OLD", retry_after=30)
        self.key_id = key_id


class KeyDamaged(KeyUnavailable):
    """A wrapped key that its own master key does not open, or whose master key is lost for good."""


class WrongMasterKey(Transient):
    """The master key is not the one that the vault's keys are wrapped by. The process must end: it could read nothing,
    and what it wrote nobody else could.
    """


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key.

    Attributes:
        key_id: 16 hexadecimal digits that follow from the key and tell nothing of it.
    """

    key_id: str
    _wrapping: bytes = field(repr=False)
    _contacts: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "MasterKey":
        """The key of 32 random bytes."""
        return cls(
            hashlib.sha256(b"redress.id|" + secret).hexdigest()[:16],
            hashlib.sha256(b"redress.wrap|" + secret).digest(),
            hashlib.sha256(b"redress.contact|" + secret).digest(),
        )

    @property
    def contacts(self) -> bytes:
        """The secret that contacts were hashed with before the vault had one of its own."""
        return self._contacts

    def wrap(self, key: bytes) -> bytes:
        """Wrap a key of 32 bytes (RFC 3394); 40 bytes come out."""
        return aes_key_wrap(self._wrapping, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Open what `wrap` made.

        Raises:
            KeyDamaged: it was not wrapped by this key, or has changed since.
        """
        try:
            return aes_key_unwrap(self._wrapping, wrapped)
        except (InvalidUnwrap, ValueError):
            raise KeyDamaged(f"a key does not open under master key {self.key_id}") from None

    @property
    def canary(self) -> bytes:
        """A known value, wrapped: whoever opens it holds this key."""
        return self.wrap(_CANARY)

    def opens(self, canary: bytes) -> bool:
        """Whether a canary was made by this key."""
        try:
            return self.unwrap(canary) == _CANARY
        except KeyDamaged:
            return False


class MasterKeys:
    """The master keys of a process.

    Args:
        current: 32 random bytes; new keys are wrapped by it.
        others: older ones, and one that is to become current.
    """

    def __init__(self, current: bytes, others: Iterable[bytes] = ()) -> None:
        self.current = MasterKey.of(current)
        self._by_id = {key.key_id: key for key in (*map(MasterKey.of, others), self.current)}

    def __repr__(self) -> str:
        """Ids only."""
        return f"MasterKeys(current={self.current.key_id}, all={sorted(self._by_id)})"

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all of them."""
        return frozenset(self._by_id)

    def get(self, key_id: str) -> MasterKey | None:
        """The key of that id."""
        return self._by_id.get(key_id)

    def unwrap(self, key_id: str | None, wrapped: bytes) -> bytes:
        """Open a wrapped key.

        Args:
            key_id: which master key wrapped it; none for keys from before there were ids, which any may have wrapped.

        Raises:
            KeyNotLoaded: its master key is not among these.
            KeyDamaged: it does not open.
        """
        if key_id is not None:
            key = self._by_id.get(key_id)
            if key is None:
                raise KeyNotLoaded(key_id)
            return key.unwrap(wrapped)
        found = self.wrapper_of(wrapped)
        if found is None:
            raise KeyDamaged("a key opens under none of the master keys")
        return found.unwrap(wrapped)

    def wrapper_of(self, wrapped: bytes) -> MasterKey | None:
        """The one that opens a key from before there were ids; none when none does."""
        for key in (self.current, *self._by_id.values()):
            try:
                key.unwrap(wrapped)
            except KeyDamaged:
                continue
            return key
        return None


def new_key() -> bytes:
    """A fresh key of 32 bytes."""
    return AESGCM.generate_key(bit_length=256)
