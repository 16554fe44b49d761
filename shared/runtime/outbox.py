"""The transactional outbox: rows that a relay publishes after their transaction has committed."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from shared.events.envelope import Event
from shared.runtime.errors import Permanent, Reason
from shared.runtime.kafka import MAX_RECORD_BYTES

SHARDS = 16

OutboxRow = tuple[int, str, bytes | None, UUID, str, Any, str | None, bytes | None, Any]
"""shard, topic, key, event id, type, occurred at, traceparent, payload, headers (dead letters only)"""

INSERT = """
WITH x AS MATERIALIZED (SELECT pg_current_xact_id())
INSERT INTO outbox (shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers)
SELECT shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers
FROM x, unnest($1::smallint[], $2::text[], $3::bytea[], $4::uuid[], $5::text[], $6::timestamptz[],
               $7::text[], $8::bytea[], $9::jsonb[])
     WITH ORDINALITY AS t (shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers, n)
ORDER BY n
"""
"""The transaction has its number before an id is drawn: the relay's window (`relay.window`) rests on it."""


def check_size(row: OutboxRow) -> None:
    """Refuse an event that no reader would take; dead letters may be larger.

    Raises:
        Permanent: key, payload and trace are more than `MAX_RECORD_BYTES`.
    """
    size = len(row[2] or b"") + len(row[7] or b"") + len(row[6] or "")
    if size > MAX_RECORD_BYTES and row[8] is None:
        raise Permanent(
            Reason.TOO_LARGE, f"a {row[4]} of {size} bytes; at most {MAX_RECORD_BYTES} fit a record: shorten its texts"
        )


def shard_of(complaint_id: UUID) -> int:
    """The shard of a complaint: one relay at a time publishes a shard, so one complaint's events keep their order."""
    return complaint_id.int % SHARDS


def key_of(complaint_id: UUID) -> bytes:
    """The Kafka key: the complaint id as text, opaque and readable with ordinary tools."""
    return str(complaint_id).encode()


def rows_of(events: Iterable[Event], topic: str, traceparent: str | None) -> list[OutboxRow]:
    """The outbox rows of events."""
    return [
        (
            shard_of(event.complaint_id),
            topic,
            key_of(event.complaint_id),
            event.event_id,
            event.kind,
            event.occurred_at,
            traceparent,
            event.__pydantic_serializer__.to_json(event),
            None,
        )
        for event in events
    ]
