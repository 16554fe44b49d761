"""The batch consumer: a batch of records, one transaction, later the offsets.

What FastStream and aiokafka would do by default loses events (acknowledge first, start at the end, bare commits);
everything a guarantee rests on is set here, and tested. The inbox makes redelivery harmless.
"""

import asyncio
import logging
import random
import time
import types
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.events.envelope import Event
from shared.runtime import metrics
from shared.runtime.dead_letters import DeadLetter, bury
from shared.runtime.decode import Received, Record, decode
from shared.runtime.errors import Permanent, Reason, Transient, is_refused_by_database, safe_text
from shared.runtime.inbox import without_forgotten
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.membership import Seat
from shared.runtime.offsets import Offsets
from shared.runtime.pg import Database
from shared.runtime.polling import AT_REST, poll
from shared.runtime.positions import NOWHERE, SET_POSITIONS, Ends, Positions, ends_of
from shared.runtime.reach import Reach
from shared.runtime.signatures import Signatures
from shared.runtime.spans import BatchSpans
from shared.runtime.stumbles import SKIP_DONE, Run, Skip, Stumbles, cause_of, kind_of, place_of
from shared.runtime.telemetry import Tracing
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)

_INBOX = f"""
WITH known AS MATERIALIZED (
    SELECT event_id FROM inbox WHERE consumer = $1 AND event_id = ANY ($6::uuid[])
), kept AS (
    INSERT INTO inbox (consumer, event_id)
    SELECT $1, e FROM unnest($6::uuid[]) AS e WHERE e NOT IN (SELECT event_id FROM known)
), place AS ({SET_POSITIONS})
SELECT clock.now() AS now, ARRAY(SELECT event_id FROM known) AS known,
       (SELECT event_id FROM inbox_floor WHERE consumer = $1) AS floor
"""  # noqa: S608  of constants
"""The inbox without ON CONFLICT, which costs more than the rest of it: events are seldom known; the key decides all the
same. Where the batch ends is stored with it, so that a restored database knows what it lacks."""
_REBALANCE_TIMEOUT = 15.0
_METADATA_AGE_MS = 10_000
"""The default of 5 minutes is how long a topic that was deleted and made anew would stay unread."""
_TRIES = 3
_MAX_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one transaction, in order, each seen for the first time."""

    events: tuple[Event, ...]


Handle = Callable[[Batch, Tx], Awaitable[None]]


def make_broker(bootstrap: KafkaAccess | str, client_id: str) -> KafkaBroker:
    """What holds the consumer. It looks for new and vanished topics every few seconds."""
    return KafkaBroker(
        KafkaAccess.of(bootstrap).servers,
        security=KafkaAccess.of(bootstrap).broker_security(),
        client_id=client_id,
        allow_auto_create_topics=False,
        apply_types=False,
        graceful_timeout=12,
        logger=None,  # its own lines carry payloads; ours tell what matters
        consumer_only=True,
        metadata_max_age_ms=_METADATA_AGE_MS,
    )


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
        signatures: Signatures | None,
        committed: Callable[[int], None] = lambda _: None,
        failed: Callable[[str], None] = lambda _: None,
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.service = service
        self.reads = reads
        self._emits = emits
        self._handle = handle
        self.database = database
        self._tracing = tracing
        self._signatures = signatures
        self.told = committed
        self._failed = failed
        self._reached = reached
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = asyncio.Event()
        self.broken = False
        self._subscriber: Any = None
        self._run = Run()
        self.last_progress = time.monotonic()
        self.last_poll = time.monotonic()
        self.positions = Positions(service, database)
        self.offsets = Offsets(service, self.positions.save)
        self.stumbles = Stumbles(service, database)
        self.reach = Reach(service, reads)
        self.seat: Seat | None = None
        self.placed: Any = None
        self.suspects: set[TopicPartition] = set()
        self.verify_at = 0.0

    @property
    def working(self) -> bool:
        """Whether a batch is being processed, perhaps waiting for a dependency."""
        return not self._idle.is_set()

    def subscribe(self, broker: KafkaBroker, *, identity: str, records: int) -> None:
        """Register with the broker object; it starts reading when the broker starts.

        Args:
            identity: this copy's name in the group, from `identity_of`; no two may have one.
            records: at most so many in a batch.
        """
        self.seat = Seat(self.service, identity)
        self.placed = None
        subscriber = broker.subscriber(
            *self.reads,
            batch=True,
            group_id=f"redress.{self.service}",
            group_instance_id=identity,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            isolation_level="read_committed",
            max_records=records,
            batch_timeout_ms=1_000,
            fetch_min_bytes=AT_REST[0],
            fetch_max_wait_ms=AT_REST[1],
            session_timeout_ms=30_000,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=int(_REBALANCE_TIMEOUT * 1_000),
            listener=_Drain(self),
            parser=self._parse,
            decoder=_as_is,
        )
        subscriber.get_msg = types.MethodType(poll, subscriber)  # type: ignore[method-assign]
        self._subscriber = subscriber
        subscriber._redress_consumer = self  # type: ignore[attr-defined]
        subscriber(self._on_batch)

    @property
    def client(self) -> AIOKafkaConsumer | None:
        """The aiokafka consumer, once started."""
        return getattr(self._subscriber, "consumer", None)

    async def stop(self) -> None:
        """Give up waiting for a dependency: the process ends and the batch comes again. Commits what is worked off.

        A copy that is the only one keeps its place in the group, and has its partitions at once when it is back. Where there
        are others, it leaves: they would wait half a minute for it.
        """
        self._stopping.set()
        await self.offsets.commit(self.client)
        if self.seat is not None and self.client is not None and await self.reach.others(self.client):
            self.seat.give_back(self.client)

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
            ends = ends_of(records)
            self.offsets.note(ends, saved=await self.process(records, ends))
            if self._stopping.is_set():
                await self.offsets.commit(self.client)
            else:
                await self.offsets.commit_in_time(self.client)
        except Exception as error:
            self.give_up("a batch failed for a reason no retry mends", error)
            raise
        finally:
            self._idle.set()
            self.last_progress = time.monotonic()

    async def process(self, records: Sequence[Record], ends: Ends = NOWHERE) -> bool:
        """Apply the effects of records and bury the poison; returns when all of it is committed.

        Args:
            ends: the positions behind the records, stored with their effects.

        Returns:
            Whether there was anything to store; else the positions are not stored yet.

        Raises:
            asyncio.CancelledError: when the process stops first; nothing of the open batch is applied then.
        """
        started = time.perf_counter()
        received: list[Received] = []
        dead: list[DeadLetter] = []
        skipped: Counter[tuple[str, str]] = Counter()
        for record in records:
            try:
                one = decode(record, self.reads.get(record.topic, frozenset()), self._signatures)
            except Permanent as error:
                dead.append(DeadLetter(record, error))
            else:
                if one.event is not None:
                    received.append(one)
                    if one.unsigned:
                        metrics.UNSIGNED.labels(self.service, record.topic).inc()
                elif one.skipped is not None:
                    skipped[record.topic, one.skipped.value] += 1
        if received or dead:
            await self._apply(received, dead, ends)
        for labels, count in skipped.items():
            metrics.SKIPPED.labels(self.service, *labels).inc(count)
        metrics.BATCH.labels(self.service).observe(time.perf_counter() - started)
        metrics.BATCH_SIZE.labels(self.service).observe(len(records))
        return bool(received or dead)

    async def _apply(self, received: Sequence[Received], dead: Sequence[DeadLetter], ends: Ends) -> None:
        """One transaction; when the data is to blame, halves, until only the poison is left.

        What is our fault waits instead, and says so: a server that is away, a schema of another release, or events that
        keep failing alike.
        """
        pause, bugs = 0.1, 0
        while True:
            try:
                await self._transaction(received, dead, ends)
                self.stumbles.goes_on()
                return
            except Exception as error:
                if self._stopping.is_set():
                    raise asyncio.CancelledError from error
                kind = kind_of(error)
                if kind is None and len(received) > 1:
                    middle = len(received) // 2
                    await self._apply(received[:middle], dead, NOWHERE)
                    await self._apply(received[middle:], (), ends)
                    return
                if kind is None:
                    bugs += 1
                    if bugs >= _TRIES or not received or is_refused_by_database(error):
                        if await self._buried(received, dead, ends, error, bugs):
                            return
                        kind = "repeated"
                if kind is not None:
                    blamed = received[0].record if received else dead[0].record if dead else None
                    self.stumbles.waits(kind, error, received, blamed)
                await self._rest(pause)
                pause = min(pause * 2, _MAX_PAUSE if kind == "dependency" else _MAX_PAUSE / 3)

    async def _rest(self, pause: float) -> None:
        """Sleep, but end soon when the process stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause * random.uniform(0.5, 1)):  # noqa: S311  jitter, not a secret
                await self._stopping.wait()

    async def _buried(
        self, received: Sequence[Received], dead: Sequence[DeadLetter], ends: Ends, error: Exception, tries: int
    ) -> bool:
        """Bury one event, unless its like have died in a row before it; answers whether it is buried."""
        if not received or received[0].event is None:
            raise error  # the dead letters themselves cannot be stored: end the process loudly
        record, event_id, cause = received[0].record, received[0].event.event_id, cause_of(error)
        skip: Skip | None = None
        if self._run.is_ours(cause, event_id):
            skip = await self.stumbles.skip_of(record)
            if skip is None:
                return False
            self._run.end()
        log.error(
            "event goes to the dead letters", extra={"action": "handler_failed", **place_of(received)}, exc_info=error
        )
        reason = Reason.REFUSED_BY_DATABASE if is_refused_by_database(error) else Reason.HANDLER_BUG
        detail = safe_text(error) if skip is None else f"{safe_text(error)}; {skip.told}"
        await self._apply((), (*dead, DeadLetter(record, Permanent(reason, detail), tries)), ends)
        self._run.buried(cause, event_id)
        if skip is not None:
            await self.database.execute(SKIP_DONE, self.service, record.topic, record.partition, record.offset)
        return True

    async def _transaction(self, received: Sequence[Received], dead: Sequence[DeadLetter], ends: Ends) -> None:
        async with self.database.connection() as connection:
            async with connection.transaction():
                fresh, now = await self._fresh(connection, received, ends)
                spans = BatchSpans(self._tracing, self.service, fresh)
                tx = Tx(connection, self._emits, now, spans.contexts)
                if fresh:
                    await self._handle(Batch(tuple(r.event for r in fresh if r.event is not None)), tx)
                await bury(tx, self.service, dead)
                emitted = await tx.write_outbox()
                self._reached(f"CP.{self.service}.inside_transaction")
            self._reached(f"CP.{self.service}.committed_before_offsets")
        spans.end()
        if fresh:
            self._run.end()
        self.told(emitted)
        self._count(received, fresh)

    async def _fresh(
        self, connection: Any, received: Sequence[Received], ends: Ends
    ) -> tuple[list[Received], datetime]:
        # In one order, so that two copies of the service never wait for each other; comparing UUIDs runs Python each time.
        ids = sorted({r.event.event_id for r in received if r.event is not None}, key=attrgetter("int"))
        try:
            row = await connection.fetchrow(_INBOX, self.service, *ends, ids)
        except asyncpg.UniqueViolationError:
            raise Transient("another copy of the service has just applied an event of this batch") from None
        new = set(ids).difference(row["known"])
        fresh = []
        for one in received:
            if one.event is not None and one.event.event_id in new:
                new.discard(one.event.event_id)  # a second copy in the same batch is a duplicate
                fresh.append(one)
        if ids and row["floor"] is not None and ids[0].int < row["floor"].int:
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
