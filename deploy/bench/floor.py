"""The floor: the least that any implementation of these hops must do, with the same broker and database.

Raw aiokafka over the hops of a complaint up to its first notice (who reads what stands in `shared/events/topics.py`), one
process per service: read a batch, COPY as many rows as Redress writes for it, send the events that follow, commit the
offsets. No validation, no inbox look-up, no sealing, no HTTP, no mail, no policy.
Run: `python -m deploy.bench.floor BOOTSTRAP DSN SERVICE COUNT`.
"""

import asyncio
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


class Step(NamedTuple):
    """What a service does with one event (or, for intake, with one request).

    Attributes:
        rows: row versions that Redress writes for it, counted in `pg_stat_user_tables`: inbox, state (an update is a new
            version of its row), history, ledger and outbox.
        says: the event that follows.
    """

    rows: int
    says: str | None = None


REQUEST = "request"
EVENTS: Mapping[str, int] = {
    "complaint.submitted.v1": 1_630,
    "complaint.assigned.v1": 1_000,
    "clock.started.v1": 1_270,
    "notice.sent.v1": 840,
}
"""The events up to the first notice, and how many bytes a record of each has in the benchmark, headers included."""
STEPS: Mapping[str, Mapping[str, Step]] = {
    "intake": {
        REQUEST: Step(4, "complaint.submitted.v1"),
        "clock.started.v1": Step(2),
    },
    "router": {
        "complaint.submitted.v1": Step(5, "complaint.assigned.v1"),
        "clock.started.v1": Step(2),
    },
    "sla": {
        "complaint.assigned.v1": Step(3, "clock.started.v1"),
        "notice.sent.v1": Step(1),
    },
    "notifier": {
        "complaint.submitted.v1": Step(5),
        "complaint.assigned.v1": Step(3),
        "clock.started.v1": Step(7, "notice.sent.v1"),
    },
}
TABLES = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.{service} (
    id uuid, event text, n int, body bytea, at timestamptz, PRIMARY KEY (id, event, n)
)
"""
_ROW = b"x" * 350
_BATCH = 500


def topic(event: str) -> str:
    """Where an event travels."""
    return f"floor.{event}"


class Hop:
    """One service of the floor."""

    def __init__(
        self, service: str, connection: "asyncpg.Connection[asyncpg.Record]", producer: AIOKafkaProducer
    ) -> None:
        self._service = service
        self._steps = STEPS[service]
        self._connection = connection
        self._producer = producer
        self._writing = asyncio.Lock()

    async def begin(self, count: int) -> None:
        """Say the first event of `count` complaints."""
        if REQUEST in self._steps:
            for start in range(0, count, _BATCH):
                await self._pass_on([(REQUEST, uuid.uuid4()) for _ in range(min(_BATCH, count - start))])

    async def consume(self, bootstrap: str, count: int) -> None:
        """Read every event of `count` complaints that the service reads."""
        events = [event for event in self._steps if event != REQUEST]
        consumer = AIOKafkaConsumer(
            *map(topic, events),
            bootstrap_servers=bootstrap,
            group_id=f"floor.{self._service}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        print("ready", flush=True)
        left = count * len(events)
        while left > 0:
            batches = await consumer.getmany(timeout_ms=1000, max_records=_BATCH)
            heard = [
                (place.topic.removeprefix("floor."), uuid.UUID(bytes=bytes(record.key)))
                for place, records in batches.items()
                for record in records
            ]
            if heard:
                await self._pass_on(heard)
                await consumer.commit({TopicPartition(*p): records[-1].offset + 1 for p, records in batches.items()})
                left -= len(heard)
        await consumer.stop()

    async def _pass_on(self, heard: Sequence[tuple[str, uuid.UUID]]) -> None:
        now, steps = datetime.now(UTC), self._steps
        rows = [(key, event, n, _ROW, now) for event, key in heard for n in range(steps[event].rows)]
        async with self._writing:
            await self._connection.copy_records_to_table(self._service, schema_name="floor", records=rows)
        said = [(says, key) for event, key in heard if (says := steps[event].says) is not None]
        send = self._producer.send
        sent = [await send(topic(says), key=key.bytes, value=b"x" * EVENTS[says]) for says, key in said]
        await asyncio.gather(*sent)


async def run(bootstrap: str, dsn: str, service: str, count: int) -> None:
    """Pass `count` complaints through one service."""
    connection = await asyncpg.connect(dsn)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=131_072
    )
    await producer.start()
    hop = Hop(service, connection, producer)
    consuming = asyncio.create_task(hop.consume(bootstrap, count))
    await asyncio.to_thread(sys.stdin.readline)  # all are ready
    await hop.begin(count)
    await consuming
    await producer.stop()
    await connection.close()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
