"""A service of the runtime's parts alone: reads submitted complaints as the router does, and notes what it saw."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream.kafka import KafkaBroker

from shared.events.envelope import Cause, Event, caused_by
from shared.events.ids import new_id
from shared.events.intake import ComplaintSubmitted
from shared.events.reference import reference_of
from shared.events.routing import TransferOffered
from shared.events.topics import ROUTING, types_read_by
from shared.runtime.consumer import Batch, Consumer, make_broker
from shared.runtime.kafka import make_producer, stop_producer
from shared.runtime.pg import Database
from shared.runtime.relay import Relay
from shared.runtime.signatures import Signatures
from shared.runtime.telemetry import Tracing
from shared.runtime.transaction import Tx
from tests.support.signing import parts_of

Effect = Callable[[Event, Tx], Awaitable[None]]


async def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until the condition (plain or async) holds and answer its value; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not reached within {seconds} s: {getattr(condition, '__name__', condition)}")
        await asyncio.sleep(0.02)


def submitted(number: int = 0, *, complaint_id: UUID | None = None, version: int = 1) -> ComplaintSubmitted:
    """A valid event of intake."""
    now = datetime.now(UTC)
    return ComplaintSubmitted(
        event_id=new_id(),
        complaint_id=complaint_id or new_id(),
        reference=reference_of(number),
        occurred_at=now,
        version=version,
        cause=Cause(kind="request", id="test", actor="client:test"),
        pack="retail",
        channel="web",
        client="test",
        language="zh",
        received_at=now,
        person_id=new_id(),
        text="s1.dGVzdA",
        progress_token="s1.dGVzdA",
        progress_token_hash="0" * 64,
    )


def follow_up(event: Event, tx: Tx) -> TransferOffered:
    """What the probe says after each event: the number it saw, as `attempt`."""
    return TransferOffered(
        event_id=new_id(),
        complaint_id=event.complaint_id,
        reference=event.reference,
        occurred_at=tx.now,
        version=event.version,
        cause=caused_by(event),
        department="triage",
        epoch=1,
        pack="retail",
        language="zh",
        person_id=new_id(),
        to_department="delivery",
        reason="s1.dGVzdA",
        attempt=event.version,
    )


async def publish(
    bootstrap: str, events: Sequence[Event], *, topic: str = "complaints.intake", trace: str | None = None
) -> None:
    """Put events on a topic as the relay of their writer would."""
    await publish_raw(bootstrap, [parts_of(event, trace) for event in events], topic=topic)


async def publish_raw(
    bootstrap: str,
    records: Sequence[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]],
    *,
    topic: str = "complaints.intake",
    partition: int | None = None,
) -> None:
    """Put records on a topic as they are."""
    producer = make_producer(bootstrap, "test")
    await producer.start()
    try:
        sent = [
            await producer.send(topic, key=key, value=value, headers=headers, partition=partition)
            for key, value, headers in records
        ]
        await asyncio.gather(*sent)
    finally:
        await stop_producer(producer)


async def read_all(bootstrap: str, topic: str) -> list[Any]:
    """Every record of a topic, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(await _partitions(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        while [p for p in partitions if await consumer.position(p) < ends[p]]:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


async def read_count(bootstrap: str, topic: str, count: int) -> list[Any]:
    """Every record of a topic once there are at least `count`; a topic just made anew shows its records late."""

    async def enough() -> list[Any]:
        found = await read_all(bootstrap, topic)
        return found if len(found) >= count else []

    return list(await until(enough))


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return await until(lambda: consumer._client.cluster.partitions_for_topic(topic))


@dataclass
class Probe:
    """What a running probe shows."""

    database: Database
    consumer: Consumer
    relay: Relay
    seen: list[UUID] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    broker: KafkaBroker | None = None

    async def outbox_empty(self) -> bool:
        """Whether everything committed has left."""
        return await self.database.fetchval("SELECT count(*) = 0 FROM outbox_unpublished")


@asynccontextmanager
async def probe(
    dsn: str,
    bootstrap: str,
    settings: Any,
    *,
    effect: Effect | None = None,
    identity: str = "redress-router-test",
    reached: Callable[[str], None] = lambda _: None,
    records: int = 500,
    relay: bool = True,
    signatures: Signatures | None = None,
) -> AsyncIterator[Probe]:
    """Run consumer and relay until the block ends."""
    database = Database(dsn, name="probe", size=4)
    tracing = Tracing("router", settings)
    publisher = Relay(database, "router", bootstrap, reached=reached)
    seen: list[UUID] = []
    failures: list[str] = []

    async def handle(batch: Batch, tx: Tx) -> None:
        for event in batch.events:
            if effect is not None:
                await effect(event, tx)
            tx.emit(follow_up(event, tx))
        seen.extend(e.event_id for e in batch.events)

    consumer = Consumer(
        service="router",
        emits=ROUTING.name,
        reads=types_read_by("router"),
        handle=handle,
        database=database,
        tracing=tracing,
        signatures=signatures,
        committed=lambda _: publisher.wake(),
        failed=failures.append,
        reached=reached,
    )
    broker = make_broker(bootstrap, "probe")
    consumer.subscribe(broker, identity=identity, records=records)
    stop = asyncio.Event()
    running = asyncio.create_task(publisher.run(stop)) if relay else None
    await broker.start()
    try:
        yield Probe(database, consumer, publisher, seen, failures, broker)
    finally:
        await consumer.stop()
        await broker.stop()
        stop.set()
        publisher.wake()
        if running is not None:
            done, _ = await asyncio.wait((running,), timeout=5)
            if not done:
                running.cancel()
        await database.close()
        tracing.shutdown()
        logging.getLogger("aiokafka").setLevel(logging.WARNING)
