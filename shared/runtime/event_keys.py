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
Covered = tuple[bytes | None, ...] | None
_NO_KEYS: Final[Mapping[bytes, "EventKey"]] = {}
WRITERS: Final = {topic.name: topic.writer for topic in TOPICS}
_BLOCK = 64
_TAG_BYTES = 16
_PREFIX_BYTES = 11
_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True, eq=False)
class EventKey:
    """One key of one writer.

    Attributes:
        key_id: 8 hexadecimal digits that follow from the key and tell nothing of it.
        signs: whether its writer signs by it; else what it signed is still believed.
        prefix: how each of its headers begins; 11 bytes.
    """

    writer: str
    key_id: str
    signs: bool
    prefix: bytes
    secret: bytes = field(repr=False)
    _inner: bytes = field(repr=False)
    _outer: bytes = field(repr=False)

    @classmethod
    def of(cls, writer: str, secret: bytes, *, signs: bool) -> "EventKey":
        """The key of 32 random bytes. The two keys of its HMAC (RFC 2104) are padded once."""
        padded = secret.ljust(_BLOCK, b"\0")
        key_id = hashlib.sha256(b"redress.event|" + secret).hexdigest()[:8]
        return cls(
            writer,
            key_id,
            signs,
            f"1 {key_id} ".encode(),
            secret,
            bytes(byte ^ 0x36 for byte in padded),
            bytes(byte ^ 0x5C for byte in padded),
        )

    def header(self, message: bytes) -> bytes:
        """What the header says: the truncated HMAC-SHA256 of a message behind the key's id.

        By hand, as `hmac.digest` takes half as long again: it finds OpenSSL's parts anew each time.
        """
        tag = _sha256(self._outer + _sha256(self._inner + message).digest()).digest()
        return self.prefix + hexlify(tag[:_TAG_BYTES])

    def made(self, header: bytes, message: bytes) -> bool:
        """Whether this key made a header."""
        return hmac.compare_digest(self.header(message), header)


def covered_of(
    headers: Sequence[tuple[Any, bytes | None]], by_name: Mapping[Any, bytes | None] | None = None
) -> Covered:
    """The values of the headers that a signature covers; none when one is missing or stands twice.

    Args:
        by_name: the headers as a mapping, where the caller has it.
    """
    found = dict(headers) if by_name is None else by_name
    try:
        covered: tuple[bytes | None, ...] = _covered(found)
    except KeyError:
        return None
    if len(found) != len(headers) and sum(name in COVERED for name, _ in headers) != len(COVERED):
        return None
    return covered


def message_of(topic: str, key: bytes | None, covered: Covered, value: bytes | None) -> bytes | None:
    """What is signed: topic, key, the values of the covered headers and the record's value, with a line end between them.

    None for parts that could be cut in two ways, or are missing: no writer of ours makes such.
    """
    if covered is None:
        return None
    value = value or b""
    try:
        message = b"\n".join((topic.encode(), key or b"", *covered, value))  # type: ignore[arg-type]
    except TypeError:  # a header without a value
        return None
    return message if message.count(b"\n", 0, len(message) - len(value)) == len(COVERED) + 2 else None


def signed(
    key: EventKey,
    topic: str,
    record_key: bytes | None,
    headers: list[tuple[str, bytes | None]],
    value: bytes | None,
    covered: Covered = None,
) -> list[tuple[str, bytes | None]]:
    """The headers of a record with the signature as the last; what cannot be signed stays as it is.

    Args:
        covered: what of them a signature covers, where the caller has it.
    """
    message = message_of(topic, record_key, covered or covered_of(headers), value)
    return headers if message is None else [*headers, (HEADER, key.header(message))]


class KeysUnusable(ValueError):
    """A file of event keys that cannot be used; says what to mend, and none of its bytes."""


class EventKeys:
    """The keys of one file."""

    def __init__(self, keys: Iterable[EventKey]) -> None:
        self._keys = tuple(keys)
        self._by_writer: dict[str, dict[str, EventKey]] = {}
        self._by_prefix: dict[str, dict[bytes, EventKey]] = {}
        for key in self._keys:
            self._by_writer.setdefault(key.writer, {})[key.key_id] = key
            self._by_prefix.setdefault(key.writer, {})[key.prefix] = key

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

    def named_by(self, writer: str, header: bytes) -> EventKey | None:
        """The key of a writer that a header names; none where it names no such key, or is of another scheme."""
        return self._by_prefix.get(writer, _NO_KEYS).get(header[:_PREFIX_BYTES])

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
