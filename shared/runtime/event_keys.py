"""The keys that events are signed with: each writer has its own, and a reader has those of the writers it reads (ADR 25).

One private file per service, `{"keys": [{"writer": …, "secret": …, "signs": …}]}`: the secret is 32 random bytes in
hexadecimal digits, the id of a key follows from it, and of a writer's keys one signs; the others are still believed.
"""

import hashlib
import hmac
import json
import os
from binascii import hexlify
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from shared.events.topics import TOPICS

HEADER: Final = "redress-signature"
"""`1 KEY TAG`: the version of the scheme, the key's id, and the first 16 bytes of an HMAC-SHA256, in hexadecimal."""
COVERED: Final = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type")
"""The headers that a signature covers, in its order; `traceparent` moves no case, and tools on the way may write it."""
_covered = itemgetter(*COVERED)
Covered = tuple[bytes, ...] | None
WRITERS: Final = {topic.name: topic.writer for topic in TOPICS}
_BLOCK = 64
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class EventKey:
    """One key of one writer.

    Attributes:
        key_id: 8 hexadecimal digits that follow from the key and tell nothing of it.
        signs: whether its writer signs by it; else what it signed is still believed.
    """

    writer: str
    key_id: str
    signs: bool
    secret: bytes = field(repr=False)
    _inner: Any = field(repr=False)
    _outer: Any = field(repr=False)

    @classmethod
    def of(cls, writer: str, secret: bytes, *, signs: bool) -> "EventKey":
        """The key of 32 random bytes. The two halves of the HMAC are begun once, which makes it twice as fast."""
        padded = secret.ljust(_BLOCK, b"\0")
        return cls(
            writer,
            hashlib.sha256(b"redress.event|" + secret).hexdigest()[:8],
            signs,
            secret,
            hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)),
            hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)),
        )

    def tag(self, message: bytes) -> bytes:
        """The truncated HMAC-SHA256 of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return hexlify(outer.digest()[:_TAG_BYTES])

    def header(self, message: bytes) -> bytes:
        """What the header says."""
        return b"1 %b %b" % (self.key_id.encode(), self.tag(message))

    def made(self, tag: str, message: bytes) -> bool:
        """Whether this key made a tag."""
        return hmac.compare_digest(self.tag(message), tag.encode())


def covered_of(
    headers: Sequence[tuple[Any, bytes | None]], by_name: Mapping[Any, bytes | None] | None = None
) -> Covered:
    """The values of the headers that a signature covers; none when one is missing or stands twice.

    Args:
        by_name: the headers as a mapping, where the caller has it.
    """
    found = dict(headers) if by_name is None else by_name
    try:
        covered: tuple[bytes, ...] = _covered(found)
    except KeyError:
        return None
    if len(found) != len(headers) and sum(name in COVERED for name, _ in headers) != len(COVERED):
        return None
    return covered


def message_of(topic: str, key: bytes | None, covered: Covered, value: bytes | None) -> bytes | None:
    """What is signed: topic, key, the values of the covered headers and the record's value, with a line end between them.

    None for parts that could be cut in two ways, or are missing: no writer of ours makes such.
    """
    try:
        heads = b"\n".join((topic.encode(), key or b"", *(covered or ())))
    except TypeError:  # a header without a value
        return None
    if heads.count(b"\n") != len(COVERED) + 1:
        return None
    return b"%b\n%b" % (heads, value or b"")


def signed(
    key: EventKey, topic: str, record_key: bytes | None, headers: list[tuple[str, bytes | None]], value: bytes | None
) -> list[tuple[str, bytes | None]]:
    """The headers of a record with the signature as the last; what cannot be signed stays as it is."""
    message = message_of(topic, record_key, covered_of(headers), value)
    return headers if message is None else [*headers, (HEADER, key.header(message))]


class KeysUnusable(ValueError):
    """A file of event keys that cannot be used; says what to mend, and none of its bytes."""


class EventKeys:
    """The keys of one file."""

    def __init__(self, keys: Iterable[EventKey]) -> None:
        self._keys = tuple(keys)
        self._by_writer: dict[str, dict[str, EventKey]] = {}
        for key in self._keys:
            self._by_writer.setdefault(key.writer, {})[key.key_id] = key

    def __repr__(self) -> str:
        """Ids only."""
        return f"EventKeys({[(key.writer, key.key_id) for key in self._keys]})"

    def __iter__(self) -> Any:
        """Each key."""
        return iter(self._keys)

    def own(self, writer: str) -> EventKey:
        """The key that a writer signs by.

        Raises:
            KeysUnusable: it has none here.
        """
        for key in self._by_writer.get(writer, {}).values():
            if key.signs:
                return key
        raise KeysUnusable(f"holds no key that {writer} signs by: `redress keys` makes one (docs/runbook.md)")

    def of(self, writer: str) -> Mapping[str, EventKey]:
        """All keys of a writer, by id."""
        return self._by_writer.get(writer, {})

    @classmethod
    def read(cls, path: Path) -> "EventKeys":
        """Read a file.

        Raises:
            KeysUnusable: it is not there, or says nothing we understand.
        """
        try:
            told = json.loads(path.expanduser().read_bytes())
            return cls(
                EventKey.of(str(one["writer"]), _secret(one["secret"]), signs=one.get("signs") is True)
                for one in told["keys"]
            )
        except OSError as error:
            raise KeysUnusable(f"cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise KeysUnusable("is no file of event keys: `redress keys` makes one (docs/runbook.md)") from None

    def check(self, service: str) -> None:
        """Look whether a service can work with these keys.

        Raises:
            KeysUnusable: its own is missing, or that of a writer it reads.
        """
        self.own(service)
        for writer in writers_read_by(service):
            if not self.of(writer):
                raise KeysUnusable(f"holds no key of {writer}, which {service} reads")

    def written(self) -> bytes:
        """The content of a file with these keys."""
        keys = [{"writer": k.writer, "id": k.key_id, "signs": k.signs, "secret": k.secret.hex()} for k in self._keys]
        return (json.dumps({"keys": keys}, indent=1) + "\n").encode()


def writers_read_by(service: str) -> list[str]:
    """Whose keys a service needs besides its own."""
    found = {topic.writer for topic in TOPICS if any(service in readers for readers in topic.readers.values())}
    return sorted(found)


def new_event_key(writer: str, *, signs: bool = True) -> EventKey:
    """A fresh key."""
    return EventKey.of(writer, os.urandom(32), signs=signs)


def _secret(text: Any) -> bytes:
    secret = bytes.fromhex(text)
    if len(secret) != 32:
        raise ValueError("not 32 bytes")
    return secret
