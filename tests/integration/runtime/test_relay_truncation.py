"""A log that lost its tail, or a topic that was made anew, is filled again from the outbox (B1; fault matrix row 20)."""

import asyncio

import pytest

from deploy.stack.topics import create_topics, delete_topics
from shared.events.ids import new_id
from shared.runtime.outbox import rows_of
from shared.runtime.pg import Database
from shared.runtime.relay import Relay
from shared.runtime.transaction import write_rows
from tests.support.power_cut import cut_tail
from tests.support.probe import read_all, submitted, until

TOPIC = "complaints.routing"
pytestmark = pytest.mark.fault


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


@pytest.fixture
async def broker(servers):
    one = servers.new_broker()
    await asyncio.to_thread(one.start)
    await create_topics(one.bootstrap)
    yield one
    await asyncio.to_thread(one.stop)


class Publishing:
    """A relay that runs, and what was said through it."""

    def __init__(self, database, broker):
        self.own = Database(database.url_of("router"), name="test")
        self.broker = broker
        self.complaints = [new_id() for _ in range(10)]
        self.said = []
        self.version = 0

    def start(self):
        self.stop_ = asyncio.Event()
        self.relay = Relay(self.own, "router", self.broker.bootstrap)
        self.running = asyncio.create_task(self.relay.run(self.stop_))

    async def stop(self):
        self.stop_.set()
        self.relay.wake()
        await self.running

    async def say(self, times=1):
        for _ in range(times):
            self.version += 1
            events = [submitted(complaint_id=c, version=self.version) for c in self.complaints]
            async with self.own.connection() as connection, connection.transaction():
                await write_rows(connection, rows_of(events, TOPIC, None))
            self.said += [str(event.event_id) for event in events]
            self.relay.wake()
            await self.published()

    async def published(self):
        await until(lambda: self.own.fetchval("SELECT count(*) = 0 FROM outbox_unpublished"), 40)

    async def records(self):
        return await read_all(self.broker.bootstrap, TOPIC)

    async def in_order(self):
        """Whether the last copies of all events stand in the order they were said; kept as it was read then, since a topic
        just made shows its records now and not the next moment.
        """
        self.last, self.order = _places(await self.records())
        said = {event: place for place, event in enumerate(self.said)}
        in_order = all(events == sorted(events, key=said.__getitem__) for events in self.order.values())
        return in_order and self.last.keys() >= said.keys()

    async def all_there(self):
        found = [dict(r.headers)["ce_id"].decode() for r in await self.records()]
        return set(found) >= set(self.said)


def _places(records):
    """Event id → its last place, and the events of each key in the order of their last copies."""
    last, order = {}, {}
    for record in records:
        event = dict(record.headers)["ce_id"].decode()
        last[event] = record.offset
        events = order.setdefault(record.key, [])
        if event in events:
            events.remove(event)
        events.append(event)
    return last, order


@pytest.fixture
async def publishing(database, broker):
    one = Publishing(database, broker)
    one.start()
    yield one
    if not one.running.done():
        await one.stop()
    await one.own.close()


async def test_a_tail_lost_in_a_power_cut_comes_back_in_order(publishing, broker):
    await publishing.say(12)
    await until(publishing.all_there, 60)  # a topic just made shows its records late
    before, order_before = _places(await publishing.records())
    await asyncio.to_thread(broker.kill)
    assert cut_tail(broker, TOPIC, keep=0.4) > 10_000
    await asyncio.to_thread(broker.start)
    await publishing.say(2)
    await until(publishing.all_there, 60)
    await until(publishing.in_order, 60)
    last, order = publishing.last, publishing.order
    assert all(last[event] >= before[event] for event in before), "a reader that stood anywhere misses nothing"
    assert {key: events[: len(order_before[key])] for key, events in order.items()} == order_before
    assert any("lost its tail" in told for told in publishing.relay.troubles.values())
    assert await publishing.own.fetchval("SELECT sum(truncations) FROM relay_partition") >= 1


async def test_a_tail_lost_while_the_relay_was_away_comes_back_by_itself(publishing, broker):
    await publishing.say(12)
    await publishing.stop()
    await asyncio.to_thread(broker.kill)
    assert cut_tail(broker, TOPIC, keep=0.4) > 10_000
    await asyncio.to_thread(broker.start)
    assert not await publishing.all_there()
    publishing.start()
    await until(publishing.all_there, 60)


async def test_a_topic_that_was_made_anew_is_filled_again(publishing, broker):
    await publishing.say(5)
    await delete_topics(broker.bootstrap, [TOPIC])
    await create_topics(broker.bootstrap)
    await publishing.say(1)
    await until(publishing.all_there, 60)
    await until(publishing.in_order, 60)
    assert [len(events) for events in publishing.order.values()] == [6] * 10
