"""One record, partition or topic never stops another in the relay (A1, A5, H10; fault matrix rows 21, 32)."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.events.ids import new_id
from shared.runtime.errors import Permanent
from shared.runtime.outbox import INSERT, rows_of, shard_of
from shared.runtime.pg import Database
from shared.runtime.relay import Relay
from shared.runtime.transaction import write_rows
from tests.support.probe import read_count, submitted, until

TOPIC = "complaints.routing"


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


@asynccontextmanager
async def relaying(database, bootstrap, **options):
    own = Database(database.url_of("router"), name="test")
    stop = asyncio.Event()
    relay = Relay(own, "router", bootstrap, **options)
    running = asyncio.create_task(relay.run(stop))
    try:
        yield relay, own
    finally:
        stop.set()
        relay.wake()
        await running
        await own.close()


async def _write_raw(own, rows):
    """As code did that checked no sizes."""
    async with own.connection() as connection, connection.transaction():
        await connection.execute(INSERT, *(list(column) for column in zip(*rows, strict=True)))


def _with_payload(row, size):
    return (*row[:7], json.dumps({"version": 0, "text": "x" * size}).encode(), row[8])


async def _versions(bootstrap, count):
    found = {}
    for record in await read_count(bootstrap, TOPIC, count):
        found.setdefault(record.key.decode(), []).append(json.loads(record.value)["version"])
    return found


def _complaint(partition):
    while True:
        one = new_id()
        if shard_of(one) % 4 == partition:
            return one


async def _letters(own):
    return await own.fetch("SELECT topic, key, event_id, reason, value FROM dead_letter ORDER BY record_offset")


async def test_a_record_the_broker_never_takes_is_put_aside_and_all_others_leave(database, fresh_topics):
    poison, neighbour, far = _complaint(1), _complaint(1), _complaint(2)
    events = [submitted(complaint_id=c, version=v) for v in range(1, 8) for c in (poison, neighbour, far)]
    rows = rows_of(events, TOPIC, None)
    rows = [
        _with_payload(row, 5_000_000) if e.complaint_id == poison and e.version == 3 else row
        for row, e in zip(rows, events, strict=True)
    ]
    async with relaying(database, fresh_topics) as (relay, own):
        await _write_raw(own, rows)
        relay.wake()
        await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
        found = await _versions(fresh_topics, 16)
        assert found == {str(poison): [1, 2], str(neighbour): [*range(1, 8)], str(far): [*range(1, 8)]}
        letters = await _letters(own)
        assert [letter["reason"] for letter in letters] == ["refused_by_broker"] + ["behind_refused"] * 4
        assert len(letters[0]["value"]) > 5_000_000
        assert {letter["key"] for letter in letters} == {str(poison).encode()}


async def test_a_missing_topic_stops_its_own_rows_alone_and_they_leave_when_it_is_there(database, fresh_topics):
    letters = "complaints.dead-letters"
    admin = AIOKafkaAdminClient(bootstrap_servers=fresh_topics)
    await admin.start()
    try:
        await admin.delete_topics([letters])
        async with relaying(database, fresh_topics) as (relay, own):
            for version in range(1, 4):
                await _write_raw(
                    own,
                    [
                        *rows_of([submitted(complaint_id=new_id(), version=version)], letters, None),
                        *rows_of([submitted(complaint_id=new_id(), version=version)], TOPIC, None),
                    ],
                )
                relay.wake()
                await _versions(fresh_topics, version)
            assert [name.partition("[")[0] for name in relay.troubles] == [letters]
            await until(lambda: own.fetchval("SELECT count(*) = 3 FROM outbox_unpublished"))
            await admin.create_topics([NewTopic(letters, 1, 1)])
            await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"), 40)
            found = await read_count(fresh_topics, letters, 3)
            assert len({dict(record.headers)["ce_id"] for record in found}) == 3
    finally:
        await admin.close()


async def test_rows_for_a_topic_that_vanishes_while_they_fly_stay_owed_and_leave_when_it_is_there(
    database, fresh_topics
):
    """Also when another relay goes on from what this one noted."""
    admin = AIOKafkaAdminClient(bootstrap_servers=fresh_topics)
    await admin.start()
    earlier, events = submitted(complaint_id=_complaint(1)), [submitted(complaint_id=_complaint(2)) for _ in range(8)]
    place = f"{TOPIC}[2]"
    try:
        async with relaying(database, fresh_topics) as (relay, own):
            await _write_raw(own, rows_of([earlier], TOPIC, None))
            relay.wake()
            await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
            await admin.delete_topics([TOPIC])
            await _write_raw(own, rows_of(events[:4], TOPIC, None))
            relay.wake()
            await until(lambda: relay.troubles.get(place) == "no answer")
            await _write_raw(own, rows_of(events[4:], TOPIC, None))
            relay.wake()
            await until(lambda: relay.troubles.get(place) == "UnknownTopicOrPartitionError", 60)
            await until(lambda: own.fetchval("SELECT count(*) = 8 FROM outbox_unpublished"))
        await admin.create_topics([NewTopic(TOPIC, 4, 1)])
        async with relaying(database, fresh_topics) as (relay, own):
            await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"), 40)
            found = await read_count(fresh_topics, TOPIC, 9)
            assert {dict(record.headers)["ce_id"].decode() for record in found} == {
                str(event.event_id) for event in (earlier, *events)
            }
    finally:
        await admin.close()


async def test_a_clock_the_broker_does_not_believe_stops_nothing(database, fresh_topics, monkeypatch):
    """The record goes without a time of its own; the event keeps its time in `ce_time`."""
    import time

    real = time.time
    events = [submitted(n) for n in range(30)]
    monkeypatch.setattr(time, "time", lambda: real() + 30 * 3600)
    async with relaying(database, fresh_topics) as (relay, own):
        await _write_raw(own, rows_of(events, TOPIC, None))
        relay.wake()
        await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
        found = await read_count(fresh_topics, TOPIC, 30)
        assert len(found) == 30
        assert all(record.timestamp < (real() + 3600) * 1000 for record in found)
        assert {dict(record.headers)["ce_time"].decode() for record in found} == {
            e.occurred_at.isoformat() for e in events
        }
        assert await _letters(own) == []


async def test_records_of_several_partitions_that_meet_such_a_broker_at_once_are_no_dead_letters(
    database, fresh_topics, monkeypatch
):
    """Only the first of them was told apart from a record to blame (fault matrix row 40b)."""
    import time

    real = time.time
    events = [submitted(complaint_id=_complaint(partition)) for partition in range(4)]
    monkeypatch.setattr(time, "time", lambda: real() + 30 * 3600)
    async with relaying(database, fresh_topics) as (relay, own):
        await _write_raw(own, rows_of(events, TOPIC, None))
        relay.wake()
        await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
        assert await _letters(own) == []
        assert len(await read_count(fresh_topics, TOPIC, 4)) == 4


async def test_what_no_reader_takes_is_refused_when_it_is_written(database):
    own = Database(database.url_of("router"), name="test")
    row = _with_payload(rows_of([submitted()], TOPIC, None)[0], 1_000_001)
    with pytest.raises(Permanent, match="at most 1000000 fit"):
        async with own.connection() as connection, connection.transaction():
            await write_rows(connection, [row])
    await own.close()


async def test_published_rows_are_kept_and_gauges_count_the_others(database, fresh_topics):
    async with relaying(database, fresh_topics) as (relay, own):
        await _write_raw(own, rows_of([submitted(n) for n in range(10)], TOPIC, None))
        relay.wake()
        await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
        assert await own.fetchval("SELECT count(*) FROM outbox") == 10
    later = datetime.now(UTC)
    async with relaying(database, fresh_topics) as (relay, own):
        await _write_raw(own, rows_of([submitted(11)], TOPIC, None))
        relay.wake()
        await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
        assert len(await read_count(fresh_topics, TOPIC, 11)) == 11, f"what was published before {later} was not again"
