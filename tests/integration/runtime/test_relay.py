"""The relay: everything committed leaves, in order per complaint, also with two relays and a broker that goes away (I4, D8, D11)."""

import asyncio
import json
import os
import time

import pytest

from shared.events.ids import new_id
from shared.runtime.outbox import rows_of
from shared.runtime.pg import Database
from shared.runtime.relay import Relay
from shared.runtime.transaction import write_rows
from tests.support.probe import read_count, submitted, until


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


async def _write(database, events):
    async with database.connection() as connection, connection.transaction():
        await write_rows(connection, rows_of(events, "complaints.routing", None))


async def _empty(database):
    return await database.fetchval("SELECT count(*) = 0 FROM outbox_unpublished")


async def _end(relay, stop, running, own):
    """Stop a relay in order, and close its database."""
    stop.set()
    relay.wake()
    await running
    await own.close()


async def test_two_relays_publish_each_complaint_in_order(database, fresh_topics):
    own = Database(database.url_of("router"), name="test")
    stop = asyncio.Event()
    relays = [Relay(own, "router", fresh_topics, batch=20) for _ in range(2)]
    running = [asyncio.create_task(relay.run(stop)) for relay in relays]
    ids = [new_id() for _ in range(12)]
    for version in range(1, 31):
        await _write(own, [submitted(complaint_id=i, version=version) for i in ids])
        for relay in relays:
            relay.wake()
    await until(lambda: _empty(own))
    stop.set()
    for relay in relays:
        relay.wake()
    await asyncio.gather(*running)
    await own.close()
    order: dict[str, list[int]] = {}
    for record in await read_count(fresh_topics, "complaints.routing", 360):
        order.setdefault(record.key.decode(), []).append(json.loads(record.value)["version"])
    assert order == {str(i): list(range(1, 31)) for i in ids}


async def test_rows_committed_late_with_small_ids_are_not_passed_over(database, fresh_topics):
    own = Database(database.url_of("router"), name="test")
    stop = asyncio.Event()
    relay = Relay(own, "router", fresh_topics)
    async with own.connection() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await write_rows(slow, rows_of([early := submitted(1)], "complaints.routing", None))
        running = asyncio.create_task(relay.run(stop))
        await _write(own, [submitted(2)])
        relay.wake()
        await until(lambda: own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"))
        await transaction.commit()
    relay.wake()
    await until(lambda: _empty(own))
    await _end(relay, stop, running, own)
    keys = [r.key.decode() for r in await read_count(fresh_topics, "complaints.routing", 2)]
    assert str(early.complaint_id) in keys
    assert len(keys) == 2


async def test_a_round_that_fills_several_record_batches_leaves_once_and_in_order(database, fresh_topics):
    own = Database(database.url_of("router"), name="test")
    events = [submitted(complaint_id=(one := new_id()), version=1)]
    events += [submitted(complaint_id=one, version=version) for version in range(2, 31)]
    rows = rows_of(events, "complaints.routing", None)
    sizes = [900_000 if version == 15 else 60_000 for version in range(1, 31)]
    payloads = [json.dumps({"version": n, "text": "x" * size}).encode() for n, size in enumerate(sizes, 1)]
    stop = asyncio.Event()
    relay = Relay(own, "router", fresh_topics)
    async with own.connection() as connection, connection.transaction():
        await write_rows(connection, [(*row[:7], text, row[8]) for row, text in zip(rows, payloads, strict=True)])
    running = asyncio.create_task(relay.run(stop))
    await until(lambda: _empty(own))
    await _end(relay, stop, running, own)
    found = await read_count(fresh_topics, "complaints.routing", 30)
    assert [json.loads(record.value)["version"] for record in found] == list(range(1, 31))
    assert len({record.partition for record in found}) == 1


async def test_a_relay_that_waits_for_the_database_is_not_stuck(database, fresh_topics):
    own = Database(database.url_of("router"), name="test")
    stop = asyncio.Event()
    busy = []
    relay = Relay(own, "router", fresh_topics, reached=lambda point: busy.append((point, relay.busy)))
    running = asyncio.create_task(relay.run(stop))
    await _write(own, [submitted(1)])
    relay.wake()
    await until(lambda: _empty(own))
    await _end(relay, stop, running, own)
    assert ("CP.router.relay_acked_before_noted", False) in busy, "the watchdog would end the process in an outage"


@pytest.mark.fault
async def test_a_cleanly_stopped_broker_neither_loses_events_nor_spins_the_processor(servers, database):
    from deploy.stack.topics import create_topics

    broker = servers.new_broker()
    broker.start()
    own = Database(database.url_of("router"), name="test")
    stop = asyncio.Event()
    try:
        await create_topics(broker.bootstrap)
        relay = Relay(own, "router", broker.bootstrap)
        running = asyncio.create_task(relay.run(stop))
        await _write(own, [submitted(n) for n in range(100)])
        await until(lambda: _empty(own))
        await asyncio.to_thread(broker.stop)
        await _write(own, [submitted(n) for n in range(100)])
        relay.wake()
        await until(lambda: relay.busy)
        cpu, wall = time.process_time(), time.monotonic()
        await until(lambda: time.monotonic() - wall > 2)
        spent = (time.process_time() - cpu) / (time.monotonic() - wall)
        await asyncio.to_thread(broker.start)
        await until(lambda: _empty(own), 60)
        stop.set()
        relay.wake()
        await running
        assert len(await read_count(broker.bootstrap, "complaints.routing", 200)) == 200
        assert spent < 0.5, f"the sender spun at {spent:.0%} of a core (pid {os.getpid()})"
    finally:
        await own.close()
        await asyncio.to_thread(broker.stop)
