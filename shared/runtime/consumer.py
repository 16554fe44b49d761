"""The batch consumer: a batch of records, one transaction, later the offsets.

What FastStream and aiokafka would do by default loses events (acknowledge first, start at the end, bare commits);
everything a guarantee rests on is set here, and tested. The inbox makes redelivery harmless.
"""

import asyncio
import logging
import random
import time
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import ConsumerStoppedError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.events.envelope import Event
from shared.runtime import metrics
from shared.runtime.dead_letters import DeadLetter, bury
from shared.runtime.decode import Received, Record, decode
from shared.runtime.errors import Permanent, Reason, Transient, is_refused_by_database, is_transient, safe_text
from shared.runtime.inbox import without_forgotten
from shared.runtime.offsets import Offsets
from shared.runtime.pg import Database
from shared.runtime.spans import BatchSpans
from shared.runtime.telemetry import Tracing
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)

_INBOX = """
WITH known AS MATERIALIZED (
    SELECT event_id FROM inbox WHERE consumer = $1 AND event_id = ANY ($2::uuid[])
), kept AS (
    INSERT INTO inbox (consumer, event_id)
    SELECT $1, e FROM unnest($2::uuid[]) AS e WHERE e NOT IN (SELECT event_id FROM known)
)
SELECT clock.now() AS now, ARRAY(SELECT event_id FROM known) AS known,
       (SELECT event_id FROM inbox_floor WHERE consumer = $1) AS floor
"""
"""Without ON CONFLICT, which costs more than the rest of it: events are seldom known. The key decides all the same."""
_NOW = "SELECT clock.now()"
_REBALANCE_TIMEOUT = 15.0
_TRIES = 3
_MAX_PAUSE = 30.0
_BROKEN_PAUSE = 0.5
_AT_REST = (1, 500)
_BUSY = (65_536, 50)
_UNDER_LOAD = (131_072, 100)
_MANY = 16
"""Fewest bytes and longest wait (ms) of a fetch. At rest the broker answers with the first record; while records keep
coming it gathers them, so that more share a transaction, and twice as long once a fetch brings `_MANY`: at 400
complaints/s that spares a tenth of all CPU, and waiting for a processor costs more than waiting for records (ADR 11)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one transaction, in order, each seen for the first time."""

    events: tuple[Event, ...]


Handle = Callable[[Batch, Tx], Awaitable[None]]


class Consumer:
    """Reads the topics of one service and hands batches to its one handler."""

    def __init__(
        self,
        *,
        service: str,
        emits: str,
        reads: Mapping[str, frozenset[str]],
        handle: Handle,
        database: Database,
        tracing: Tracing,
        committed: Callable[[int], None] = lambda _: None,
        failed: Callable[[str], None] = lambda _: None,
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.service = service
        self.reads = reads
        self._emits = emits
        self._handle = handle
        self._database = database
        self._tracing = tracing
        self._committed = committed
        self._failed = failed
        self._reached = reached
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self.broken = False
        self._subscriber: Any = None
        self.last_progress = time.monotonic()
        self.last_poll = time.monotonic()
        self.offsets = Offsets(service)

    @property
    def working(self) -> bool:
        """Whether a batch is being processed, perhaps waiting for a dependency."""
        return not self._idle.is_set()

    def subscribe(self, broker: KafkaBroker, *, instance: int, records: int) -> None:
        """Register with the broker object; it starts reading when the broker starts."""
        subscriber = broker.subscriber(
            *self.reads,
            batch=True,
            group_id=f"redress.{self.service}",
            group_instance_id=f"redress-{self.service}-{instance}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            isolation_level="read_committed",
            max_records=records,
            batch_timeout_ms=1_000,
            fetch_min_bytes=_AT_REST[0],
            fetch_max_wait_ms=_AT_REST[1],
            session_timeout_ms=30_000,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=int(_REBALANCE_TIMEOUT * 1_000),
            listener=_Drain(self),
            parser=self._parse,
            decoder=_as_is,
        )
        subscriber.get_msg = types.MethodType(_poll, subscriber)  # type: ignore[method-assign]
        self._subscriber = subscriber
        subscriber._redress_consumer = self  # type: ignore[attr-defined]
        subscriber(self._on_batch)

    @property
    def client(self) -> AIOKafkaConsumer | None:
        """The aiokafka consumer, once started."""
        return getattr(self._subscriber, "consumer", None)

    async def stop(self) -> None:
        """Give up waiting for a dependency: the process ends and the batch comes again. Commits what is worked off."""
        self._stopping = True
        await self.offsets.commit(self.client)

    def give_up(self, why: str, error: Exception) -> None:
        """End the process, and read nothing more until then.

        FastStream would log the error and read on, and the next commit would pass over what was not worked off.
        """
        self.broken = True
        log.critical("consumer gives up", extra={"action": "consumer_failed", "why": why}, exc_info=error)
        self._failed(why)

    async def drain(self) -> None:
        """Wait for the end of the batch in flight and commit, at most as long as the group waits for us."""
        try:
            async with asyncio.timeout(0.8 * _REBALANCE_TIMEOUT):
                await self._idle.wait()
                await self.offsets.commit(self.client)
        except TimeoutError:
            metrics.DRAIN_TIMEOUTS.labels(self.service).inc()

    async def _parse(self, records: tuple[Record, ...]) -> KafkaAckableMessage:
        return KafkaAckableMessage(
            body=records,  # raw records: we judge each ourselves
            raw_message=records,
            consumer=self.client,
            headers={},
            message_id="",
            correlation_id="-",
        )

    async def _on_batch(self, records: Sequence[Record]) -> None:
        self._idle.clear()
        try:
            await self.process(records)
            self.offsets.note(records)
            if self._stopping:
                await self.offsets.commit(self.client)
            else:
                await self.offsets.commit_in_time(self.client)
        except Exception as error:
            self.give_up("a batch failed for a reason no retry mends", error)
            raise
        finally:
            self._idle.set()
            self.last_progress = time.monotonic()

    async def process(self, records: Sequence[Record]) -> None:
        """Apply the effects of records and bury the poison; returns when all of it is committed.

        Raises:
            asyncio.CancelledError: when the process stops first; nothing of the open batch is applied then.
        """
        started = time.perf_counter()
        received: list[Received] = []
        dead: list[DeadLetter] = []
        for record in records:
            try:
                one = decode(record, self.reads.get(record.topic, frozenset()))
            except Permanent as error:
                dead.append(DeadLetter(record, error))
            else:
                if one.event is not None:
                    received.append(one)
        if received or dead:
            await self._apply(received, dead)
        metrics.BATCH.labels(self.service).observe(time.perf_counter() - started)
        metrics.BATCH_SIZE.labels(self.service).observe(len(records))

    async def _apply(self, received: Sequence[Received], dead: Sequence[DeadLetter]) -> None:
        """One transaction; when the data is to blame, halves, until only the poison is left."""
        pause, bugs = 0.1, 0
        while True:
            try:
                await self._transaction(received, dead)
                return
            except Exception as error:
                if self._stopping:
                    raise asyncio.CancelledError from error
                if is_transient(error):
                    metrics.RETRIES.labels(self.service).inc()
                    log.warning(
                        "batch waits for a dependency",
                        extra={"action": "batch_retry", "error": safe_text(error), "pause": round(pause, 2)},
                    )
                elif len(received) > 1:
                    middle = len(received) // 2
                    await self._apply(received[:middle], dead)
                    await self._apply(received[middle:], ())
                    return
                else:
                    bugs += 1
                    if bugs >= _TRIES or not received or is_refused_by_database(error):
                        await self._give_up(received, dead, error, bugs)
                        return
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  jitter, not a secret
                pause = min(pause * 2, _MAX_PAUSE)

    async def _give_up(
        self, received: Sequence[Received], dead: Sequence[DeadLetter], error: Exception, tries: int
    ) -> None:
        log.error("event goes to the dead letters", extra={"action": "dead_letter"}, exc_info=error)
        if not received:
            raise error  # the dead letters themselves cannot be stored: end the process loudly
        reason = Reason.REFUSED_BY_DATABASE if is_refused_by_database(error) else Reason.HANDLER_BUG
        letter = DeadLetter(received[0].record, Permanent(reason, safe_text(error)), tries)
        await self._apply((), (*dead, letter))

    async def _transaction(self, received: Sequence[Received], dead: Sequence[DeadLetter]) -> None:
        async with self._database.connection() as connection:
            async with connection.transaction():
                fresh, now = await self._fresh(connection, received)
                spans = BatchSpans(self._tracing, self.service, fresh)
                tx = Tx(connection, self._emits, now, spans.contexts)
                if fresh:
                    await self._handle(Batch(tuple(r.event for r in fresh if r.event is not None)), tx)
                await bury(tx, self.service, dead)
                emitted = await tx.write_outbox()
                self._reached(f"CP.{self.service}.inside_transaction")
            self._reached(f"CP.{self.service}.committed_before_offsets")
        spans.end()
        self._committed(emitted)
        self._count(received, fresh)

    async def _fresh(self, connection: Any, received: Sequence[Received]) -> tuple[list[Received], datetime]:
        if not received:
            return [], await connection.fetchval(_NOW)
        # In one order, so that two copies of the service never wait for each other; comparing UUIDs runs Python each time.
        ids = sorted({r.event.event_id for r in received if r.event is not None}, key=attrgetter("int"))
        try:
            row = await connection.fetchrow(_INBOX, self.service, ids)
        except asyncpg.UniqueViolationError:
            raise Transient("another copy of the service has just applied an event of this batch") from None
        new = set(ids).difference(row["known"])
        fresh = []
        for one in received:
            if one.event is not None and one.event.event_id in new:
                new.discard(one.event.event_id)  # a second copy in the same batch is a duplicate
                fresh.append(one)
        if row["floor"] is not None and ids[0].int < row["floor"].int:
            fresh = await without_forgotten(connection, self.service, fresh, row["floor"])
        return fresh, row["now"]

    def _count(self, received: Sequence[Received], fresh: Sequence[Received]) -> None:
        if len(fresh) < len(received):
            metrics.DUPLICATES.labels(self.service).inc(len(received) - len(fresh))
        counts: dict[str, int] = {}
        for one in fresh:
            if one.event is not None:
                counts[one.event.kind] = counts.get(one.event.kind, 0) + 1
        for kind, count in counts.items():
            metrics.EVENTS.labels(self.service, kind).inc(count)


class _Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """Lets the batch in flight end, commit included, before partitions are given away."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Any) -> None:
        await self._consumer.drain()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        return None


async def _as_is(message: KafkaAckableMessage) -> Any:
    return message.body


async def _poll(self: Any, consumer: AIOKafkaConsumer) -> tuple[Record, ...]:
    """Replaces FastStream's poll, which sleeps after an empty answer (10.7 → 5 ms at the median)."""
    ours: Consumer = self._redress_consumer
    if ours.broken:
        await asyncio.sleep(_BROKEN_PAUSE)
        return ()
    try:
        batches = await consumer.getmany(timeout_ms=self.batch_timeout_ms, max_records=self.max_records)
    except ConsumerStoppedError:
        raise
    except Exception as error:
        # Records that were taken from other partitions before this one failed are gone, their positions passed.
        ours.give_up("records cannot be read", error)
        raise
    ours.last_poll = time.monotonic()
    # Taken up by the next fetch, which the client sends after this returns; aiokafka is pinned, a test guards the names.
    fetcher = consumer._fetcher
    records = tuple(chain.from_iterable(batches.values()))
    fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms = gathering(len(records))
    if not records:
        await ours.offsets.commit(consumer)
    return records


def gathering(found: int) -> tuple[int, int]:
    """Fewest bytes and longest wait (ms) of the next fetch, after one that brought so many records."""
    if found == 0:
        return _AT_REST
    return _BUSY if found < _MANY else _UNDER_LOAD
