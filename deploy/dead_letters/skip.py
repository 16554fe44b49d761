"""Lets readers pass a record that they cannot get past: noted in each reader's schema, done by the reader itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.database import Connection
from deploy.dead_letters.store import Q
from deploy.stack.errors import StackError
from shared.events.topics import TOPICS

_PATIENCE = 10.0
_LOOK_EVERY = 0.3


@dataclass(frozen=True, slots=True)
class Place:
    """A record: where it lies in the log."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class Passed:
    """What one reader did: `passed` with a dead letter, `read` (it did not need to), or `noted` (it is not there yet)."""

    service: str
    how: str
    letter: str | None = None


async def check_place(bootstrap: str, place: Place) -> None:
    """Refuse a topic, partition or offset that there is not.

    Raises:
        StackError: there is no such record, or Kafka does not answer.
    """
    names = [topic.name for topic in TOPICS]
    if place.topic not in names:
        raise StackError(f"No service reads a topic {place.topic!r}", f"Name one of {', '.join(names)}")
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        async with asyncio.timeout(_PATIENCE):
            await consumer.start()
            consumer._client.add_topic(place.topic)
            await consumer._client.force_metadata_update()
            found = consumer._client.cluster.partitions_for_topic(place.topic) or set()
            if place.partition not in found:
                raise StackError(
                    f"{place.topic} has no partition {place.partition}", f"It has {', '.join(map(str, sorted(found)))}"
                )
            partition = TopicPartition(place.topic, place.partition)
            first = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
    except (KafkaError, OSError, TimeoutError) as error:
        raise StackError(f"Kafka does not answer ({type(error).__name__})", "Look at `make status`") from error
    finally:
        await consumer.stop()
    if not first <= place.offset < end:
        held = f"offsets {first} to {end - 1}" if first < end else "no records"
        raise StackError(
            f"{place.topic}[{place.partition}] has no record {place.offset}; it holds {held}",
            "`/readyz` and the log of the reader that waits name topic, partition and offset",
        )


async def skip(connection: Connection, place: Place, *, why: str, by: str, patience: float = 20.0) -> Sequence[Passed]:
    """Let every reader that has not read the record pass it; waits until they did, at most `patience` seconds.

    A reader that is not running passes it when it comes there.

    Args:
        by: who asks; kept with `why` in each reader's schema and in the dead letter.

    Raises:
        StackError: every reader of the topic has read it already.
    """
    readers = sorted({r for t in TOPICS if t.name == place.topic for of in t.readers.values() for r in of})
    waiting = []
    for service in readers:
        async with connection.transaction():
            await connection.execute(Q.enter_schema, service)
            if not await connection.fetchval(Q.is_past, service, place.topic, place.partition, place.offset):
                await connection.execute(Q.ask_skip, service, place.topic, place.partition, place.offset, why, by)
                waiting.append(service)
    if not waiting:
        raise StackError(
            f"Every reader of {place} has read it already ({', '.join(readers)})",
            "`redress dead-letters list` shows what could not be processed",
        )
    outcomes = [Passed(service, "read") for service in readers if service not in waiting]
    deadline = time.monotonic() + patience
    while waiting:
        for service in list(waiting):
            outcome = await _outcome(connection, service, place)
            if outcome is not None:
                outcomes.append(outcome)
                waiting.remove(service)
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(_LOOK_EVERY if waiting else 0)
    return [*outcomes, *(Passed(service, "noted") for service in waiting)]


async def _outcome(connection: Connection, service: str, place: Place) -> Passed | None:
    """What became of it so far. What a reader turned out to read by itself needs no note any more."""
    async with connection.transaction():
        await connection.execute(Q.enter_schema, service)
        where = (service, place.topic, place.partition, place.offset)
        done = await connection.fetchrow(Q.skip_done, *where)
        if done is not None:
            return Passed(service, "passed", f"{service}/{done['letter']}" if done["letter"] else None)
        if await connection.fetchval(Q.is_past, *where):
            await connection.execute(Q.forget_skip, *where)
            return Passed(service, "read")
    return None
