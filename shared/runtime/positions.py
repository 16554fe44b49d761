"""Where a consumer stands, kept in the service's own database with the effects of what it read (ADR 12).

The offset in Kafka is a copy: it never lies ahead of the position here, unless the database was restored from a backup.
At an assignment both are compared with the log, and the database decides. What is read a second time the inbox drops.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime import metrics
from shared.runtime.decode import Record
from shared.runtime.pg import Database
from shared.runtime.records import Unreadable

log = logging.getLogger(__name__)

Ends = tuple[list[str], list[int], list[int], list[int]]
"""Topics, partitions, next offsets and the timestamps of the records before them, in one order for all copies."""
NOWHERE: Ends = ([], [], [], [])
_UNKNOWN_MS = -1

SET_POSITIONS = """
    INSERT INTO reader_position (consumer, topic, partition, next_offset, record_ms)
    SELECT $1, topic, partition, next_offset, record_ms
    FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS t (topic, partition, next_offset, record_ms)
    ON CONFLICT (consumer, topic, partition)
    DO UPDATE SET next_offset = EXCLUDED.next_offset, record_ms = EXCLUDED.record_ms
"""
_STORED = """
SELECT topic, partition, next_offset, record_ms, NULL AS known FROM reader_position WHERE consumer = $1
UNION ALL SELECT NULL, NULL, NULL, NULL, EXISTS (SELECT FROM inbox WHERE consumer = $1)
"""


def ends_of(records: Sequence[Record]) -> Ends:
    """The positions behind these records; the last of each partition counts."""
    last = {(record.topic, record.partition): record for record in records}
    rows = sorted((*place, record.offset + 1, record.timestamp) for place, record in last.items())
    return tuple(map(list, zip(*rows, strict=True))) if rows else NOWHERE  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of `reader_position`."""

    next_offset: int
    record_ms: int


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading a partition begins.

    Attributes:
        offset: none leaves it to the client: the offset in Kafka, or the log's first.
        why: what was found to be wrong with where it would have begun; none when nothing was.
    """

    offset: int | None
    why: str | None = None


def start_of(
    stored: Stored | None,
    committed: int | None,
    first: int,
    end: int,
    found_ms: int | None,
    *,
    known: bool,
    kept: bool = False,
) -> Start:
    """Where to begin, from the position in the database, the offset in Kafka, and the log's bounds.

    Args:
        found_ms: timestamp of the record before the stored position as it is in the log now; none when it is not there.
        known: whether this consumer has applied anything in this database.
        kept: whether this database holds a position of any partition. Then a partition without one was never read in
            it, whatever Kafka says: the backup was taken before its first record. Without any, an earlier release,
            which kept none, has read up to the offset in Kafka.
    """
    if stored is None:
        if committed is not None and committed > first and (kept or not known):
            return Start(first, "database_is_behind" if kept else "database_is_new")
        return Start(None)
    if stored.next_offset > end:
        return Start(first, "log_ends_before")
    if found_ms is not None and found_ms != stored.record_ms and stored.record_ms != _UNKNOWN_MS:
        return Start(first, "log_was_replaced")
    if stored.next_offset < first:
        return Start(first, "records_were_deleted")
    if committed is not None and committed > stored.next_offset:
        return Start(stored.next_offset, "database_is_behind")
    return Start(stored.next_offset)


class Positions:
    """Reads and writes one consumer's positions."""

    def __init__(self, service: str, database: Database) -> None:
        self._service = service
        self._database = database

    async def save(self, ends: Ends) -> None:
        """Store positions that no transaction of a batch has stored: records none of which this service reads."""
        await self._database.execute(SET_POSITIONS, self._service, *ends)

    async def place(self, client: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Seek to where each of these partitions has to be read from; answers these offsets.

        Raises:
            Exception: the database or Kafka did not answer; nothing of them may be read before this has succeeded.
        """
        ours = sorted(partitions)
        if not ours:
            return {}
        rows = await self._database.fetch(_STORED, self._service)
        known = any(row["known"] for row in rows)
        stored = {
            TopicPartition(row["topic"], row["partition"]): Stored(row["next_offset"], row["record_ms"])
            for row in rows
            if row["topic"] is not None
        }
        firsts = await client.beginning_offsets(ours)
        ends = await client.end_offsets(ours)
        found = await self._timestamps(client, {p: stored[p] for p in ours if p in stored}, firsts, ends)
        starts: dict[TopicPartition, int] = {}
        changed: list[tuple[str, int, int, int]] = []
        for partition in ours:
            committed = await client.committed(partition)
            first, end, was = firsts[partition], ends[partition], stored.get(partition)
            start = start_of(was, committed, first, end, found.get(partition), known=known, kept=bool(stored))
            if start.why is not None:
                self._say(partition, start, was, committed, (first, end))
            default = committed if committed is not None and first <= committed <= end else first
            starts[partition] = default if start.offset is None else start.offset
            if start.why is not None or was is None:
                changed.append((partition.topic, partition.partition, starts[partition], _UNKNOWN_MS))
            client.seek(partition, starts[partition])  # also where it is there already: records may have been taken
        if changed:
            await self.save(tuple(map(list, zip(*changed, strict=True))))  # type: ignore[arg-type]
        return starts

    async def _timestamps(
        self,
        client: AIOKafkaConsumer,
        stored: Mapping[TopicPartition, Stored],
        firsts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, int]:
        """Timestamps of the records before the stored positions. They come with those that are to be read next."""
        found: dict[TopicPartition, int] = {}
        for partition, was in stored.items():
            if was.record_ms == _UNKNOWN_MS or not firsts[partition] < was.next_offset <= ends[partition]:
                continue
            client.seek(partition, was.next_offset - 1)
            batches = await client.getmany(partition, timeout_ms=5_000, max_records=1)
            for record in chain_of(batches.values()):
                if type(record) is not Unreadable and record.offset == was.next_offset - 1:
                    found[partition] = record.timestamp
        return found

    def _say(
        self, at: TopicPartition, start: Start, was: Stored | None, committed: int | None, log_now: tuple[int, int]
    ) -> None:
        metrics.MENDED.labels(self._service, at.topic, start.why).inc()
        log.error(
            "position mended",
            extra={
                "action": "position_mended",
                "topic": at.topic,
                "partition": at.partition,
                "why": start.why,
                "from": start.offset,
                "stored": was.next_offset if was else None,
                "committed": committed,
                "log_begins": log_now[0],
                "log_ends": log_now[1],
            },
        )


def chain_of(batches: Iterable[Iterable[Any]]) -> list[Any]:
    """The records of a poll, partition by partition."""
    return [record for records in batches for record in records]
