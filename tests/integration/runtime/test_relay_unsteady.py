"""Whatever the way to Kafka does, each event leaves, and in order per complaint: topics that are unknown for a moment,
answers that come late or not at all, batches that fail, copies that come and go, connections that break (A5, A10, H10)."""

import asyncio
import random

import pytest
from aiokafka.errors import KafkaTimeoutError, NotLeaderForPartitionError, UnknownTopicOrPartitionError

from shared.events.ids import new_id
from shared.runtime.outbox import INSERT, rows_of
from shared.runtime.pg import Database
from shared.runtime.relay import Relay, loop
from shared.runtime.relay.sending import Sending
from tests.support.probe import read_count, submitted, until

TOPICS = ("complaints.routing", "complaints.sla")
COMPLAINTS = 40
VERSIONS = 15


def unsteady(chance):
    """A producer on a bad way to a real broker."""

    class Unsteady(Sending):
        async def partitions(self, topic):
            if chance.random() < 0.15:
                return UnknownTopicOrPartitionError(topic)
            return await super().partitions(topic)

        async def send(self, parcel, place):
            kind = chance.choices(("well", "late", "lost", "unanswered"), (60, 15, 15, 10))[0]
            answer = asyncio.get_running_loop().create_future()
            if kind != "lost":
                answer = await super().send(parcel, place)
            return answer if kind == "well" else asyncio.ensure_future(_delayed(answer, kind, chance.random() * 0.5))

    return Unsteady


async def _delayed(answer, kind, seconds):
    await asyncio.sleep(seconds)
    if kind == "late":
        return await answer
    raise KafkaTimeoutError if kind == "unanswered" else NotLeaderForPartitionError


@pytest.mark.parametrize("seed", range(2))
async def test_every_event_leaves_in_order_of_its_complaint(fresh_database, fresh_topics, monkeypatch, seed):
    database, chance = fresh_database("router"), random.Random(seed)
    monkeypatch.setattr(loop, "Sending", unsteady(chance))
    monkeypatch.setattr(loop, "_GRACE", 0.1)
    alive = []

    def join():
        own, stop = Database(database.url_of("router"), name="test"), asyncio.Event()
        relay = Relay(own, "router", fresh_topics, batch=20)
        alive.append((own, stop, relay, asyncio.create_task(relay.run(stop))))

    async def leave():
        own, stop, relay, task = alive.pop(0)
        stop.set()
        relay.wake()
        await task
        await own.close()

    def cut():
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE '%test%'"
        )

    events = {
        topic: [submitted(complaint_id=one, version=version) for one in _complaints() for version in _versions()]
        for topic in TOPICS
    }
    join()
    writing = asyncio.gather(*(_write(database, topic, events[topic], chance) for topic in TOPICS))
    for step in (join, cut, leave, join, cut):
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        done = step()
        if asyncio.iscoroutine(done):
            await done
    await writing
    await until(lambda: database.fetch("SELECT count(*) = 0 AS out FROM router.outbox_unpublished")[0]["out"], 90)
    while alive:
        await leave()
    for topic in TOPICS:
        found, wanted = await _firsts(fresh_topics, topic, len(events[topic])), _in_order(events[topic])
        assert {key: set(ids) for key, ids in wanted.items()} == {key: set(found.get(key, ())) for key in wanted}, (
            "lost"
        )
        assert found == wanted, "out of order"


def _complaints():
    return [new_id() for _ in range(COMPLAINTS)]


def _versions():
    return range(1, VERSIONS + 1)


def _in_order(events):
    wanted = {}
    for event in events:
        wanted.setdefault(str(event.complaint_id), []).append(str(event.event_id))
    return wanted


async def _firsts(bootstrap, topic, count):
    """Complaint → its events in the order in which each was there first."""
    found = {}
    for record in await read_count(bootstrap, topic, count):
        ids = found.setdefault(record.key.decode(), {})
        ids.setdefault(dict(record.headers)["ce_id"].decode())
    return {key: list(ids) for key, ids in found.items()}


async def _write(database, topic, events, chance):
    """Each complaint's events in order, in transactions that overlap with those of others."""
    own = Database(database.url_of("router"), name="writer", size=8)
    by_complaint = {}
    for event in events:
        by_complaint.setdefault(event.complaint_id, []).append(event)

    async def write_all(mine):
        for event in mine:
            async with own.connection() as connection, connection.transaction():
                rows = rows_of([event], topic, None)
                await connection.execute(INSERT, *(list(column) for column in zip(*rows, strict=True)))
                await asyncio.sleep(chance.random() * 0.2)

    await asyncio.gather(*(write_all(mine) for mine in by_complaint.values()))
    await own.close()
