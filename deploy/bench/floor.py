"""The floor: the least that any implementation of these hops must do, with the same broker and database.

Raw aiokafka over the same topics' hops, one process per hop: read a batch, COPY the rows that Redress keeps per
complaint, send the next event, commit the offsets. No validation, no inbox, no sealing, no HTTP, no mail, no policy.
Run: `python -m deploy.bench.floor BOOTSTRAP DSN HOP COUNT`.
"""

import asyncio
import sys
import uuid
from datetime import UTC, datetime

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

HOPS = ("intake", "router", "sla", "notifier")
TABLES = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.{hop} (
    id uuid, n int, body bytea, at timestamptz, PRIMARY KEY (id, n)
)
"""
#: Rows that Redress writes per complaint and hop: state, inbox, outbox, history, clocks, notices.
ROWS = {"intake": 3, "router": 5, "sla": 7, "notifier": 6}
_BODY = b"x" * 420


def topic(hop: str) -> str:
    """Where a hop writes."""
    return f"floor.{hop}"


async def run(bootstrap: str, dsn: str, hop: str, count: int) -> None:
    """Pass `count` complaints through one hop."""
    connection = await asyncpg.connect(dsn)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=131_072
    )
    await producer.start()
    if hop == "intake":
        for start in range(0, count, 500):
            keys = [uuid.uuid4() for _ in range(min(500, count - start))]
            await _hop(connection, producer, hop, keys)
    else:
        await _consume(connection, producer, bootstrap, hop, count)
    await producer.stop()
    await connection.close()


async def _consume(
    connection: "asyncpg.Connection[asyncpg.Record]", producer: AIOKafkaProducer, bootstrap: str, hop: str, count: int
) -> None:
    source = topic(HOPS[HOPS.index(hop) - 1])
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=f"floor.{hop}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    print("ready", flush=True)
    done = 0
    while done < count:
        batches = await consumer.getmany(timeout_ms=1000, max_records=500)
        records = [record for batch in batches.values() for record in batch]
        if not records:
            continue
        await _hop(connection, producer, hop, [uuid.UUID(bytes=bytes(r.key)) for r in records])
        ends = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
        await consumer.commit(ends)
        done += len(records)
    await consumer.stop()


async def _hop(
    connection: "asyncpg.Connection[asyncpg.Record]", producer: AIOKafkaProducer, hop: str, keys: list[uuid.UUID]
) -> None:
    now = datetime.now(UTC)
    rows = [(key, n, _BODY, now) for key in keys for n in range(ROWS[hop])]
    await connection.copy_records_to_table(hop, schema_name="floor", records=rows)
    if hop != HOPS[-1]:
        await asyncio.gather(*[await producer.send(topic(hop), key=key.bytes, value=_BODY) for key in keys])


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
