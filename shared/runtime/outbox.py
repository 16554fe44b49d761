"""The transactional outbox: rows that a relay publishes after their transaction has committed."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from shared.events.envelope import Event

SHARDS = 16

OutboxRow = tuple[int, str, bytes | None, UUID, str, Any, str | None, bytes | None, Any]
"""shard, topic, key, event id, type, occurred at, traceparent, payload, headers (dead letters only)"""

INSERT = """
INSERT INTO outbox (shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers)
SELECT shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers
FROM unnest($1::smallint[], $2::text[], $3::bytea[], $4::uuid[], $5::text[], $6::timestamptz[],
            $7::text[], $8::bytea[], $9::jsonb[])
     WITH ORDINALITY AS t (shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers, n)
ORDER BY n
"""


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
