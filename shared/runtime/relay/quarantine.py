"""What the broker never takes is kept beside, with its bytes, as a dead letter of the consumer `relay`.

Later events of the same complaint on the same topic are kept with it: readers apply the newest version of a complaint
and ignore older ones, so an event that was passed by its followers could never be made good. The complaint stands still,
visibly, until somebody mends the cause and replays its dead letters, which go out in their old order.
"""

import logging
from collections.abc import Sequence
from typing import Any

import asyncpg

from shared.events.topics import DEAD_LETTERS
from shared.runtime import metrics
from shared.runtime.errors import Reason
from shared.runtime.kafka import pack_headers
from shared.runtime.relay.parcel import Signer, headers_of

log = logging.getLogger(__name__)
CONSUMER = "relay"

_PARKED = (
    "SELECT DISTINCT topic, key FROM dead_letter WHERE consumer = 'relay' AND replayed_at IS NULL AND key IS NOT NULL"
)
_KEEP = """
INSERT INTO dead_letter (consumer, topic, partition, record_offset, record_at, key, value, headers,
                         event_id, event_type, reason, detail, traceparent)
VALUES ('relay', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (consumer, topic, partition, record_offset) DO NOTHING
"""

Key = tuple[str, bytes]


class Quarantine:
    """The dead letters of one service's relay.

    Attributes:
        keys: topic and key of complaints that stand still.
    """

    def __init__(self, service: str, signer: Signer | None) -> None:
        self._service = service
        self._signer = signer
        self.keys: set[Key] = set()

    async def load(self, connection: Any) -> None:
        """Look which complaints stand still; a replay lets them go on."""
        rows = await connection.fetch(_PARKED)
        self.keys = {(row["topic"], row["key"]) for row in rows if row["topic"] != DEAD_LETTERS}

    def holds(self, row: asyncpg.Record) -> bool:
        """Whether an earlier event of the same complaint is here."""
        return bool(self.keys) and (row["topic"], row["key"]) in self.keys

    async def hold(self, connection: Any, row: asyncpg.Record, partition: int) -> None:
        """Store a row behind an earlier one of its complaint."""
        why = "an earlier event of the same complaint is among the dead letters"
        await self.keep(connection, [row], partition, Reason.BEHIND_REFUSED, why)

    async def keep(
        self, connection: Any, rows: Sequence[asyncpg.Record], partition: int, reason: Reason, why: str
    ) -> None:
        """Store rows; the offset of such a dead letter is the number of its outbox row."""
        for row in rows:
            key = self._signer() if self._signer is not None else None
            packed = pack_headers(headers_of(f"/{self._service}", row, key))
            size = len(row["payload"] or b"")
            await connection.execute(
                _KEEP,
                row["topic"],
                partition,
                row["id"],
                row["occurred_at"],
                row["key"],
                row["payload"],
                packed,
                row["event_id"],
                row["type"],
                reason.value,
                f"{why}; outbox row {row['id']}, {size} bytes",
                row["traceparent"],
            )
            metrics.DEAD.labels(CONSUMER, row["topic"], reason.value).inc()
            if row["key"] is not None and row["topic"] != DEAD_LETTERS:
                self.keys.add((row["topic"], row["key"]))
            log.error(
                "event not taken by the broker",
                extra={
                    "action": "quarantine",
                    "reason": reason.value,
                    "why": why,
                    "topic": row["topic"],
                    "partition": partition,
                    "event": str(row["event_id"]),
                    "complaint": (row["key"] or b"").decode("utf-8", "replace"),
                },
            )
