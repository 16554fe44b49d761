"""Dead letters: what could not be processed, kept with its bytes, published once, replayed after a mend."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.events.ids import new_id
from shared.events.topics import DEAD_LETTERS, types_read_by
from shared.runtime import metrics
from shared.runtime.decode import Record, event_id_of
from shared.runtime.errors import Permanent
from shared.runtime.kafka import pack_headers
from shared.runtime.outbox import SHARDS, OutboxRow
from shared.runtime.pg import Database
from shared.runtime.telemetry import valid_traceparent
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)

_INSERT = """
INSERT INTO dead_letter (consumer, topic, partition, record_offset, record_at, key, value, headers,
                         event_id, event_type, reason, detail, traceparent, attempts)
SELECT $1, topic, partition, record_offset, record_at, key, value, headers,
       event_id, event_type, reason, detail, traceparent, attempts
FROM unnest($2::text[], $3::int[], $4::bigint[], $5::timestamptz[], $6::bytea[], $7::bytea[], $8::jsonb[],
            $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::int[])
     AS t (topic, partition, record_offset, record_at, key, value, headers,
           event_id, event_type, reason, detail, traceparent, attempts)
ON CONFLICT (consumer, topic, partition, record_offset) DO NOTHING
RETURNING topic, partition, record_offset
"""
_OPEN = "SELECT consumer, topic, count(*) AS count FROM dead_letter WHERE replayed_at IS NULL GROUP BY consumer, topic"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and why it is dead."""

    record: Record
    error: Permanent
    attempts: int = 1

    @property
    def _headers(self) -> list[tuple[str, bytes | None]]:
        return list(self.record.headers or ())

    def header(self, name: str) -> str | None:
        """A header as text, damaged bytes shown as escapes."""
        for key, value in self._headers:
            if key == name and value is not None:
                return value.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")[:200]
        return None


async def bury(tx: Tx, consumer: str, letters: Sequence[DeadLetter]) -> int:
    """Store dead letters and let each leave for the dead-letter topic once; answers how many were new."""
    if not letters:
        return 0
    rows = [
        (
            d.record.topic,
            d.record.partition,
            d.record.offset,
            moment_of(d.record.timestamp),
            d.record.key,
            d.record.value,
            pack_headers(d.record.headers or ()),
            event_id_of(d.record),
            d.header("ce_type"),
            d.error.reason.value,
            d.error.detail,
            valid_traceparent(d.header("traceparent")),
            d.attempts,
        )
        for d in letters
    ]
    stored = await tx.fetch(_INSERT, consumer, *(list(column) for column in zip(*rows, strict=True)))
    new = {(r["topic"], r["partition"], r["record_offset"]) for r in stored}
    fresh = [d for d in letters if (d.record.topic, d.record.partition, d.record.offset) in new]
    tx.add_rows([_outbox_row(consumer, d, tx.now) for d in fresh])
    for letter in fresh:
        metrics.DEAD.labels(consumer, letter.record.topic, letter.error.reason.value).inc()
        log.error("record goes to the dead letters", extra={"action": "dead_letter", **_told(letter)})
    return len(fresh)


def _told(letter: DeadLetter) -> dict[str, Any]:
    """For a log line: where it lies, whose it is, and why; none of its bytes but ids."""
    record, event_id = letter.record, event_id_of(letter.record)
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    whose = {"event_id": str(event_id) if event_id else None, "complaint_id": _uuid_of(record.key)}
    return place | whose | {"reason": letter.error.reason.value, "detail": letter.error.detail}


def _uuid_of(key: bytes | None) -> str | None:
    try:
        return str(UUID((key or b"").decode("ascii")))
    except ValueError:
        return None


async def measure_open(database: Database, service: str) -> None:
    """Set the gauges of dead letters that nobody has replayed, those of every topic the service reads."""
    waiting = dict.fromkeys(((service, topic) for topic in types_read_by(service)), 0)
    waiting |= {(row["consumer"], row["topic"]): row["count"] for row in await database.fetch(_OPEN)}
    metrics.DEAD_OPEN.clear()
    for (consumer, topic), count in waiting.items():
        metrics.DEAD_OPEN.labels(consumer, topic).set(count)


def moment_of(milliseconds: int) -> datetime | None:
    """A record's time, or none: its producer may have written any number."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _outbox_row(consumer: str, letter: DeadLetter, now: datetime) -> OutboxRow:
    """The record as it was, with headers beside its own that say where it came from and why it is here."""
    record = letter.record
    told = {
        "x-dead-letter-topic": record.topic,
        "x-dead-letter-partition": record.partition,
        "x-dead-letter-offset": record.offset,
        "x-dead-letter-consumer": consumer,
        "x-dead-letter-reason": letter.error.reason.value,
        "x-dead-letter-detail": letter.error.detail,
        "x-dead-letter-attempts": letter.attempts,
        "x-dead-letter-failed-at": now.isoformat(),
    }
    headers = pack_headers([*(record.headers or ()), *((k, str(v).encode()) for k, v in told.items())])
    event_id: UUID = event_id_of(record) or new_id()
    shard = (record.partition * 31 + 7) % SHARDS
    return (shard, DEAD_LETTERS, record.key, event_id, "dead.letter", now, None, record.value, headers)
