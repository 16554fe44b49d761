"""Where a word still stands in clear: every column of every table, every byte of every topic, mails, logs and files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.stack.topics import wanted_topics
from tests.support.stack import Database
from tests.support.world import World

_SCHEMAS = ("intake", "router", "sla", "notifier", "vault")


def left_of(world: World, words: Iterable[str]) -> list[str]:
    """The places that hold one of these words; numbers and addresses count as words."""
    wanted = [word.encode() for word in words]
    found = []
    for place, content in (*in_tables(world.database), *in_topics(world), *in_files(world.home)):
        found += [f"{word.decode()} in {place}" for word in wanted if word in content]
    return found


def in_tables(database: Database) -> Iterator[tuple[str, bytes]]:
    """Every row, as text, and what its byte columns hold."""
    tables = database.fetch(
        "SELECT schemaname AS schema, tablename AS name FROM pg_tables WHERE schemaname = ANY ($1)", list(_SCHEMAS)
    )
    assert len(tables) > 10, "an empty search proves nothing"
    for table in tables:
        name = f'"{table["schema"]}"."{table["name"]}"'
        rows = database.fetch(f"SELECT t::text AS whole FROM {name} AS t")
        yield name, "\n".join(row["whole"] or "" for row in rows).encode()
        columns = database.fetch(
            "SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::text::regclass AND NOT attisdropped"
            " AND atttypid IN ('bytea'::regtype, 'bytea[]'::regtype)",
            name,
        )
        for column in columns:
            values = database.fetch(f'SELECT "{column["name"]}" AS value FROM {name}')
            pieces = (row["value"] if isinstance(row["value"], bytes) else b"" for row in values)
            yield f"{name}.{column['name']}", b"\n".join(pieces)


def in_topics(world: World) -> list[tuple[str, bytes]]:
    """Key, value and headers of every record of every topic."""
    return asyncio.run(_records(world.broker.bootstrap))


async def _records(bootstrap: str) -> list[tuple[str, bytes]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(name, p) for name, count in wanted_topics().items() for p in range(count)]
        ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        assert ends, "an empty search proves nothing"
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        found: list[tuple[str, bytes]] = []
        left = set(ends)
        async with asyncio.timeout(60):
            while left:
                for place, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                    for record in records:
                        parts = (record.key, record.value, *(value for _, value in record.headers))
                        found.append((f"{place.topic}[{place.partition}]", b"\n".join(part or b"" for part in parts)))
                left = {place for place in left if await consumer.position(place) < ends[place]}
        return found
    finally:
        await consumer.stop()


def in_files(home: Path) -> Iterator[tuple[str, bytes]]:
    """Logs, caught mails and whatever else the processes wrote, but for the keys and what the servers own."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and "keys" not in path.relative_to(home).parts:
            yield str(path.relative_to(home)), path.read_bytes()
