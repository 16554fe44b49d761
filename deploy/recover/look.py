"""What does not fit: topics against the database, and the database against topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from deploy.database import Connection
from deploy.stack.errors import StackError
from deploy.stack.topics import differences, wanted_topics
from shared.events.envelope import Event
from shared.events.topics import ADAPTERS, DEAD_LETTERS, TOPICS
from shared.runtime.decode import decode, event_id_of
from shared.runtime.errors import Permanent
from shared.runtime.kafka_access import KafkaAccess, client_of
from shared.runtime.pg import load_queries
from shared.runtime.signatures import Signatures

Q = load_queries("deploy.recover")
Place = tuple[str, int]
_IDLE_POLLS = 10


@dataclass(frozen=True, slots=True)
class Unknown:
    """A record that its writer's database does not know."""

    record: ConsumerRecord
    event: Event


@dataclass(slots=True)
class Situation:
    """What was found.

    Attributes:
        missing: topics that are not there.
        odd: topic → settings that are otherwise than they would be made today.
        cut: service and partition whose log ends before what was acknowledged → its end.
        unknown: what topics hold and the database does not, in the order of each partition.
        ends: partition → where its log ends.
        starts: partition → from where on its records were compared.
        running: services that publish at this moment.
        unclear: topics of which the database does not know how far they were written.
    """

    missing: list[str] = field(default_factory=list)
    odd: Mapping[str, list[str]] = field(default_factory=dict)
    cut: dict[tuple[str, Place], int] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    ends: dict[Place, int] = field(default_factory=dict)
    starts: dict[Place, int] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


async def look(
    connection: Connection,
    bootstrap: KafkaAccess | str,
    since: datetime | None,
    signatures: Signatures | None = None,
) -> Situation:
    """Compare topics and outboxes.

    Args:
        signatures: what the services believe; what they would not is no event here either.
        since: compare the records from this moment on, whatever the database says was acknowledged.

    Raises:
        StackError: Kafka does not answer.
    """
    found = Situation()
    told = await differences(bootstrap)
    found.missing = sorted(name for name, lines in told.items() if lines == ["is not there"])
    found.odd = {name: lines for name, lines in told.items() if name not in found.missing}
    found.running = sorted(row["service"] for row in await connection.fetch(Q.running))
    acked = {(r["service"], (r["topic"], r["partition"])): r["acked"] for r in await connection.fetch(Q.acked)}
    consumer = AIOKafkaConsumer(**client_of(bootstrap), enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        await _compare_ends(consumer, found, acked)
        await _starts(consumer, found, acked, since)
        for topic in TOPICS:
            places = [place for place in found.starts if place[0] == topic.name]
            records = await _read(consumer, found, places)
            found.unknown += await _unknown(connection, topic.writer, records, signatures)
    except (KafkaError, OSError) as error:
        raise StackError(f"Kafka does not answer ({type(error).__name__})", "Look at `make status`") from error
    finally:
        await consumer.stop()
    return found


async def _compare_ends(consumer: AIOKafkaConsumer, found: Situation, acked: Mapping[tuple[str, Place], int]) -> None:
    places: list[TopicPartition] = []
    for name in wanted_topics():
        if name not in found.missing:
            await consumer._client.add_topic(name)
            places += [
                TopicPartition(name, p) for p in sorted(consumer._client.cluster.partitions_for_topic(name) or ())
            ]
    found.ends = {(p.topic, p.partition): end for p, end in (await consumer.end_offsets(places)).items()}
    for (service, place), end in acked.items():
        if found.ends.get(place, 0) < end:
            found.cut[service, place] = found.ends.get(place, 0)


async def _starts(
    consumer: AIOKafkaConsumer,
    found: Situation,
    acked: Mapping[tuple[str, Place], int],
    since: datetime | None,
) -> None:
    writers = {topic.name: topic.writer for topic in TOPICS}
    ours = [place for place in found.ends if place[0] != DEAD_LETTERS]
    begins = await consumer.beginning_offsets([TopicPartition(*place) for place in ours])
    if since is not None:
        times = {TopicPartition(*place): int(since.timestamp() * 1000) for place in ours}
        for partition, at in (await consumer.offsets_for_times(times)).items():
            if at is not None:
                found.starts[partition.topic, partition.partition] = at.offset
        return
    known_topics = {place[0] for (_, place) in acked}
    for place in ours:
        begin, end = begins[TopicPartition(*place)], found.ends[place]
        start = acked.get((writers[place[0]], place))
        if start is None and begin < end and place[0] not in known_topics:
            found.unclear = sorted({*found.unclear, place[0]})
        elif (begin if start is None else max(begin, start)) < end:
            found.starts[place] = begin if start is None else max(begin, start)


async def _read(consumer: AIOKafkaConsumer, found: Situation, places: Sequence[Place]) -> list[ConsumerRecord]:
    partitions = [TopicPartition(*place) for place in places]
    if not partitions:
        return []
    consumer.assign(partitions)
    for place in places:
        consumer.seek(TopicPartition(*place), found.starts[place])
    records: list[ConsumerRecord] = []
    left, idle = set(partitions), 0
    while left:
        batches = await consumer.getmany(*left, timeout_ms=500, max_records=5_000)
        idle = 0 if batches else idle + 1
        if idle > _IDLE_POLLS:
            raise StackError("Kafka no longer sends records", "Look at `make status`")
        for batch in batches.values():
            records += batch
        left = {p for p in left if await consumer.position(p) < found.ends[p.topic, p.partition]}
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def _unknown(
    connection: Connection, service: str, records: Iterable[ConsumerRecord], signatures: Signatures | None
) -> list[Unknown]:
    """Those that are events and that the service has not said, as far as it knows; each once."""
    events: dict[UUID, Unknown] = {}
    for record in records:
        number = event_id_of(record)
        if number is None or number in events:
            continue
        try:
            one = decode(record, frozenset(ADAPTERS), signatures)
        except Permanent:
            continue
        if one.event is not None:
            events[number] = Unknown(record, one.event)
    if not events:
        return []
    async with connection.transaction():
        await connection.execute(Q.enter_schema, service)
        known = {row["event_id"] for row in await connection.fetch(Q.known, list(events))}
    return [unknown for number, unknown in events.items() if number not in known]
