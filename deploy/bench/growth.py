"""What a complaint costs in storage: bytes and rows per complaint, table by table and topic by topic, of a running Redress.

`python -m deploy.bench.growth` reads `.redress/endpoints.json`; it changes nothing but statistics (ANALYZE).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.database import operator_connection
from deploy.endpoints import load_endpoints
from deploy.stack.terminal import Terminal
from shared.events.topics import DEAD_LETTERS, TOPICS
from shared.runtime.bootstrap import SERVICES
from shared.runtime.kept import EVERY, TABLES

_SIZES = """
SELECT n.nspname AS service, c.relname AS name, pg_total_relation_size(c.oid) AS bytes,
       pg_indexes_size(c.oid) AS indexes, greatest(c.reltuples, 0)::bigint AS rows
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY ($1::text[])
ORDER BY bytes DESC
"""
_SAMPLE = 2_000


@dataclass(frozen=True, slots=True)
class Share:
    """What one table or topic holds; sizes in bytes."""

    name: str
    size: int
    indexes: int
    rows: int
    kept: str


async def growth(dsn: str, bootstrap: str) -> tuple[int, list[Share]]:
    """How many complaints there are, and what they take where."""
    async with operator_connection(dsn) as connection:
        await connection.execute("ANALYZE")
        count = int(await connection.fetchval("SELECT count(*) FROM intake.complaint"))
        rows = await connection.fetch(_SIZES, [*SERVICES, "vault"])
    shares = [Share(f"{r['service']}.{r['name']}", r["bytes"], r["indexes"], r["rows"], _kept(*r[:2])) for r in rows]
    return count, [*shares, *await _topics(bootstrap)]


async def _topics(bootstrap: str) -> list[Share]:
    """Records and their bytes, from the mean of the first ones; what compression spares is not known to clients."""
    consumer, admin = AIOKafkaConsumer(bootstrap_servers=bootstrap), AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await consumer.start()
    await admin.start()
    try:
        found = []
        for topic in await admin.describe_topics([*(topic.name for topic in TOPICS), DEAD_LETTERS]):
            partitions = [TopicPartition(topic["topic"], partition["partition"]) for partition in topic["partitions"]]
            begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            count = sum(ends[p] - begins[p] for p in partitions)
            found.append(Share(topic["topic"], int(await _mean(consumer, partitions) * count), 0, count, "topic"))
        return found
    finally:
        await consumer.stop()
        await admin.close()


async def _mean(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> float:
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    sizes: list[int] = []
    while len(sizes) < _SAMPLE:
        batches = await consumer.getmany(timeout_ms=1_000, max_records=_SAMPLE)
        if not batches:
            break
        sizes += [
            len(r.key or b"") + len(r.value or b"") + sum(len(name) + len(value or b"") for name, value in r.headers)
            for records in batches.values()
            for r in records
        ]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _kept(service: str, table: str) -> str:
    spans = [kept.days for kept in TABLES if kept.table == table and kept.service in {service, EVERY}]
    return " / ".join(f"{days} d" if days else "always" for days in spans) or "–"


def main() -> None:
    """Print the table."""
    endpoints = load_endpoints()
    count, shares = asyncio.run(growth(endpoints.dsn, endpoints.kafka))
    per = max(1, count)
    rows = [
        (s.name, f"{s.size / per:,.0f}", f"{s.indexes / per:,.0f}", f"{s.rows / per:.2f}", s.kept)
        for s in shares
        if s.size / per >= 1
    ]
    total = sum(share.size for share in shares)
    rows.append(("all", f"{total / per:,.0f}", "", "", ""))
    Terminal().table(f"{count:,} complaints", ("where", "bytes each", "indexes", "rows each", "kept"), rows)


if __name__ == "__main__":
    main()
