"""The reader survives every record Kafka can hold: one bad record stops neither its neighbours nor other partitions (I11)."""

import asyncio
import time
from pathlib import Path

import pytest

from shared.events.topics import DEAD_LETTERS
from shared.runtime import metrics
from shared.runtime.kafka import cloud_event_headers
from tests.support.probe import probe, publish, publish_raw, read_count, submitted, until
from tests.support.raw_kafka import CODECS, PLACEHOLDER, batch_of, write

TOPIC = "complaints.intake"


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


def _record(event, *more, value=None):
    key = str(event.complaint_id).encode()
    headers = cloud_event_headers("/intake", event.event_id, event.kind, key, event.occurred_at, None)
    return key, value or event.model_dump_json().encode(), [*headers, *more]


async def test_a_header_name_that_is_not_utf8_is_buried_and_its_neighbours_in_the_batch_are_read(
    database, fresh_topics, settings_for
):
    good = [submitted(n) for n in range(4)]
    bad = submitted(9)
    records = [_record(good[0]), _record(bad, (PLACEHOLDER, b"1")), _record(good[1])]
    await write(fresh_topics, TOPIC, 0, batch_of(records))
    await write(fresh_topics, TOPIC, 0, batch_of([_record(good[2])]))
    await write(fresh_topics, TOPIC, 1, batch_of([_record(good[3])]))
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: set(running.seen) == {event.event_id for event in good})
        rows = await until(lambda: running.database.fetch("SELECT * FROM dead_letter"))
        await until(running.outbox_empty)
    assert [(row["reason"], row["record_offset"], bytes(row["value"])) for row in rows] == [
        ("bad_header", 1, records[1][1])
    ]
    assert [r.value for r in await read_count(fresh_topics, DEAD_LETTERS, 1)] == [records[1][1]]
    assert running.failures == []


@pytest.mark.parametrize("codec", CODECS)
async def test_every_compression_is_read(database, fresh_topics, settings_for, codec):
    events = [submitted(n) for n in range(5)]
    await write(fresh_topics, TOPIC, 2, batch_of([_record(event) for event in events], codec=codec))
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: running.seen == [event.event_id for event in events])


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z"])
async def test_an_instant_outside_the_calendar_is_buried_and_the_next_record_comes_within_a_second(
    database, fresh_topics, settings_for, moment
):
    bad, good = submitted(1), submitted(2)
    text = bad.model_dump(mode="json") | {"occurred_at": moment}
    value = type(bad).model_construct(**text).model_dump_json(warnings=False).encode()
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await publish(fresh_topics, [first := submitted(3)])
        await until(lambda: first.event_id in running.seen)
        await publish_raw(fresh_topics, [_record(bad, value=value), _record(good)], partition=0)
        sent = time.monotonic()
        await until(lambda: good.event_id in running.seen)
        took = time.monotonic() - sent
        rows = await until(lambda: running.database.fetch("SELECT * FROM dead_letter"))
    assert [(row["reason"], bytes(row["value"])) for row in rows] == [("bad_schema", value)]
    assert took < 1


@pytest.mark.parametrize("timestamp", [-1, 0, -(2**40)])
async def test_any_timestamp_of_a_record_is_read(database, fresh_topics, settings_for, timestamp):
    event = submitted(1)
    await write(fresh_topics, TOPIC, 0, batch_of([_record(event)], timestamp=timestamp))
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: running.seen == [event.event_id])


async def test_a_type_of_a_newer_release_is_skipped_and_counted(database, fresh_topics, settings_for):
    event, last = submitted(1), submitted(2)
    count = metrics.SKIPPED.labels("router", TOPIC, "unknown_type")._value
    before = count.get()
    key, value, headers = _record(event)
    new = [(key, value, [*(h for h in headers if h[0] != "ce_type"), ("ce_type", b"complaint.sung.v1")])]
    await publish_raw(fresh_topics, new, partition=0)
    await publish_raw(fresh_topics, [_record(last)], partition=0)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: running.seen == [last.event_id])
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 0
    assert count.get() == before + 1


def _damage(home: Path, topic: str, partition: int, text: bytes) -> None:
    """Change one byte of a record on the disk, as a failing disk would."""
    (segment,) = home.rglob(f"{topic}-{partition}/*.log")
    data = bytearray(segment.read_bytes())
    at = data.index(text)
    data[at] ^= 0xFF
    segment.write_bytes(data)


@pytest.mark.fault
async def test_a_damaged_batch_stops_its_partition_alone_until_an_operator_skips_it(servers, database, settings_for):
    from deploy.stack.topics import create_topics

    broker = servers.new_broker()
    broker.start()
    try:
        await create_topics(broker.bootstrap)
        before, lost, after, beside = (submitted(n) for n in range(4))
        for event in (before, lost, after):
            await write(broker.bootstrap, TOPIC, 0, batch_of([_record(event)]))
        await write(broker.bootstrap, TOPIC, 1, batch_of([_record(beside)]))
        await asyncio.to_thread(broker.stop)
        _damage(broker._data, TOPIC, 0, str(lost.event_id).encode())
        await asyncio.to_thread(broker.start)
        async with probe(database.url_of("router"), broker.bootstrap, settings_for()) as running:
            await until(lambda: set(running.seen) == {before.event_id, beside.event_id}, 40)
            (found,) = (await until(lambda: running.consumer.stumbles.unreadable)).values()
            assert (found.topic, found.partition, found.offset, found.next_offset) == (TOPIC, 0, 1, 2)
            gauge = metrics.UNREADABLE.labels("router", TOPIC, 0)._value
            assert gauge.get() == 1
            await publish_raw(broker.bootstrap, [_record(more := submitted(7))], partition=1)
            await until(lambda: more.event_id in running.seen)
            sql = "INSERT INTO router.reader_skip VALUES ('router', $1, 0, 1, 'the disk failed', 'operator:ann')"
            await asyncio.to_thread(database.execute, sql, TOPIC)
            await until(lambda: after.event_id in running.seen)
            rows = await running.database.fetch("SELECT * FROM dead_letter")
            assert await running.database.fetchval("SELECT done_at IS NOT NULL FROM reader_skip")
        assert [(row["reason"], row["record_offset"], row["value"]) for row in rows] == [("unreadable_record", 1, None)]
        assert "passed by operator:ann: the disk failed" in rows[0]["detail"]
        assert gauge.get() == 0
        assert running.failures == []
    finally:
        await asyncio.to_thread(broker.stop)
