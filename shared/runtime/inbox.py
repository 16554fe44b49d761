"""What the inbox has forgotten: events so old that "not in the inbox" no longer means "not applied".

The pruner moves a floor up before it deletes (`inbox_floor`). An event below it was applied or buried when its topic still
had it, so it is not applied again, with two exceptions: this consumer buried it (an operator replays it), or it is young
all the same (its id was drawn by a wrong clock). Those are noted by themselves, so that they too are applied once.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.runtime import metrics
from shared.runtime.decode import Received
from shared.runtime.transaction import Connection

log = logging.getLogger(__name__)

_BURIED = "SELECT event_id FROM dead_letter WHERE consumer = $1 AND event_id = ANY ($2::uuid[])"
_NOTE = """
INSERT INTO inbox_late (consumer, event_id) SELECT $1, e FROM unnest($2::uuid[]) AS e
ON CONFLICT DO NOTHING RETURNING event_id
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(event_id: UUID) -> datetime:
    """When a UUIDv7 was drawn (RFC 9562 §5.7), by the clock of who drew it."""
    return _EPOCH + timedelta(milliseconds=event_id.int >> 80)


async def without_forgotten(
    connection: Connection, consumer: str, received: Sequence[Received], floor: UUID
) -> list[Received]:
    """Leave out those events that the inbox does not know because it has forgotten them.

    Args:
        received: events that are not in the inbox.
        floor: the smallest event id of which the inbox knows for certain.
    """
    old = {r.event.event_id: r for r in received if r.event and r.event.event_id.int < floor.int}
    if not old:
        return list(received)
    again = await _to_be_applied(connection, consumer, old, floor)
    forgotten = old.keys() - again
    if forgotten:
        metrics.FORGOTTEN.labels(consumer).inc(len(forgotten))
        first = old[min(forgotten, key=lambda event_id: event_id.int)].record
        log.warning(
            "events older than the inbox remembers are left alone",
            extra={
                "action": "inbox_forgotten",
                "count": len(forgotten),
                "topic": first.topic,
                "partition": first.partition,
                "offset": first.offset,
            },
        )
    return [r for r in received if r.event is None or r.event.event_id not in forgotten]


async def _to_be_applied(connection: Connection, consumer: str, old: Mapping[UUID, Received], floor: UUID) -> set[UUID]:
    """Those that this consumer has not applied, noted as applied from now on."""
    since = moment_of(floor)
    buried = {row["event_id"] for row in await connection.fetch(_BURIED, consumer, list(old))}
    young = {event_id for event_id, r in old.items() if r.event is not None and r.event.occurred_at >= since}
    noted = await connection.fetch(_NOTE, consumer, sorted(buried | young, key=lambda event_id: event_id.int))
    return {row["event_id"] for row in noted}
