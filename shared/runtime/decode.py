"""From a Kafka record to an event, or to the reason why it is none. Never raises: poison is a value."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from aiokafka.structs import ConsumerRecord
from pydantic import ValidationError

from shared.events.envelope import Event
from shared.events.topics import ADAPTERS
from shared.runtime.errors import Permanent, Reason
from shared.runtime.event_keys import HEADER, covered_of
from shared.runtime.kafka import MAX_RECORD_BYTES
from shared.runtime.signatures import Signatures
from shared.runtime.telemetry import valid_traceparent

Record: TypeAlias = ConsumerRecord
Headers: TypeAlias = Sequence[tuple[Any, bytes | None]]
_KNOWN_NAMES = frozenset(kind.rpartition(".")[0] for kind in ADAPTERS)
_MAX_DEPTH = 40


@dataclass(slots=True)
class Received:
    """A record with what became of it: an event, or nothing because this service does not read its type.

    Attributes:
        traceparent: the trace of an event.
        skipped: why a record was left alone although it is none of the events we know; to be counted.
        unsigned: whether an event is believed without a signature, because it is older than signatures.
    """

    record: Record
    event: Event | None
    traceparent: str | None
    skipped: Reason | None = None
    unsigned: bool = False


def decode(record: Record, wanted: frozenset[str], signatures: Signatures | None = None) -> Received:
    """Judge one record.

    Args:
        wanted: the event types this service reads; others are left alone unread.
        signatures: whose word is believed; none believes every record.

    Raises:
        Permanent: with the reason, when the record can never become an event.
    """
    headers = record.headers or ()
    found = _by_name(headers)
    kind = _text(found.get("ce_type"))
    if kind is None:
        raise Permanent(Reason.NO_TYPE, "the record has no ce_type header")
    value = record.value
    if not value:
        raise Permanent(Reason.EMPTY_VALUE, f"a {_brief(kind)} without a value")
    if len(value) > MAX_RECORD_BYTES:
        raise Permanent(Reason.TOO_LARGE, f"{len(value)} bytes; at most {MAX_RECORD_BYTES} are read")
    if not record.key:
        raise Permanent(Reason.NO_KEY, "the key must be the complaint id")
    if kind not in wanted:
        skipped = None if kind in ADAPTERS else _strange(kind, wanted)
        return Received(record, None, None, skipped)
    signed = signatures is None or signatures.check(record, covered_of(headers, found), found.get(HEADER))
    adapter = ADAPTERS[kind]
    try:
        event = adapter.validate_json(value)
    except ValidationError as error:
        raise _why_invalid(error, value) from None
    except Exception as error:  # a validator met a value nobody thought of; the same bytes would raise again
        raise Permanent(Reason.BAD_SCHEMA, f"{type(error).__name__} while it was read") from None
    if record.key != str(event.complaint_id).encode():
        raise Permanent(Reason.KEY_MISMATCH, "the key is not the complaint id of the event")
    return Received(record, event, valid_traceparent(_text(found.get("traceparent"))), unsigned=not signed)


def _strange(kind: str, wanted: frozenset[str]) -> Reason:
    """Why an event that this release does not know is skipped.

    A new type is nothing this service was written for: no state of its own can depend on it. A new version of a type
    that it reads replaces one that it needs, so it is kept for a replay after the upgrade (ADR 12).

    Raises:
        Permanent: a version that this service does not know of an event that it reads.
    """
    name, _, version = kind.rpartition(".")
    if any(one.rpartition(".")[0] == name for one in wanted):
        raise Permanent(Reason.UNKNOWN_VERSION, f"version {_brief(version)} of {name} is not known to this service")
    return Reason.UNKNOWN_VERSION if name in _KNOWN_NAMES else Reason.UNKNOWN_TYPE


def event_id_of(record: Record) -> UUID | None:
    """The `ce_id` header, when it is a UUID."""
    for name, value in record.headers or ():
        if name == "ce_id" and value:
            try:
                return UUID(bytes(value).decode("ascii"))
            except ValueError:
                return None
    return None


def _by_name(headers: Headers) -> dict[str, bytes | None]:
    """The headers of a record; of those with the same name the last.

    Raises:
        Permanent: a name or a value is not UTF-8.
    """
    found = dict(headers)
    if len(found) == len(headers) and _is_plain(found):
        return found
    try:
        "".join(found)
        b"\n".join(value for _, value in headers if value).decode()
    except (TypeError, UnicodeDecodeError):
        raise _bad_header(headers) from None
    return found


def _is_plain(found: Mapping[str, bytes | None]) -> bool:
    """Whether all names are texts and all values ASCII, as our own writers' are."""
    try:
        "".join(found)
        return b"".join(found.values()).isascii()  # type: ignore[arg-type]
    except TypeError:  # a name that is no text, or a header without a value
        return False


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _bad_header(headers: Headers) -> Permanent:
    for name, value in headers:
        if type(name) is not str:
            return Permanent(Reason.BAD_HEADER, "the name of a header is not UTF-8")
        try:
            (value or b"").decode()
        except UnicodeDecodeError:
            break
    return Permanent(Reason.BAD_HEADER, f"the header {_brief(name)} is not UTF-8")


def _why_invalid(error: ValidationError, value: bytes) -> Permanent:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if any(p["type"] == "json_invalid" for p in problems):
        try:
            value.decode()
        except UnicodeDecodeError:
            return Permanent(Reason.BAD_ENCODING, "the value is not UTF-8")
        if _depth(value) > _MAX_DEPTH:
            return Permanent(Reason.TOO_DEEP, f"nested deeper than {_MAX_DEPTH}")
        return Permanent(Reason.BAD_JSON, "the value is not JSON")
    if _depth(value) > _MAX_DEPTH:
        return Permanent(Reason.TOO_DEEP, f"nested deeper than {_MAX_DEPTH}")
    told = "; ".join(f"{'.'.join(map(str, p['loc'])) or '(root)'}: {p['type']}" for p in problems[:5])
    return Permanent(Reason.BAD_SCHEMA, told)


def _depth(value: bytes) -> int:
    depth = deepest = 0
    for byte in value[: 1 << 20]:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _brief(text: Any) -> str:
    return json.dumps(str(text)[:60], ensure_ascii=True)
