"""How far a reader has read: what waits for a word looks no further (trial C2)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.events.topics import types_read_by
from shared.runtime.consumer import Consumer
from shared.runtime.horizon import Horizon
from shared.runtime.pg import Database
from shared.runtime.telemetry import Tracing
from tests.support.probe import probe, publish, submitted, until

NOON = datetime(2026, 11, 9, 12, tzinfo=UTC)


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


async def _passes(horizon, moment):
    async def reached():
        return await horizon.reach(moment) >= moment

    await until(reached)


async def test_with_nothing_unread_all_is_read_a_moment_later(database, fresh_topics, settings_for):
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        horizon = Horizon(running.consumer, 600)
        assert await horizon.reach(NOON) < NOON, "words that were committed just now may still be on their way"
        await _passes(horizon, NOON)
        assert await horizon.reach(NOON + timedelta(seconds=1)) == NOON
        await _passes(horizon, NOON + timedelta(seconds=1))
        assert not horizon.impatient


async def test_an_unread_word_holds_what_is_due_and_nothing_that_was_due_before(database, fresh_topics, settings_for):
    let_on = asyncio.Event()

    async def effect(event, tx):
        await let_on.wait()

    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        horizon = Horizon(running.consumer, 600)
        await _passes(horizon, NOON)
        await publish(fresh_topics, [submitted()])

        async def held():
            assert await horizon.reach(NOON + timedelta(hours=1)) == NOON
            return horizon.held > 2

        await until(held)
        assert horizon._why.startswith("not all is read: complaints.intake[")
        let_on.set()
        await _passes(horizon, NOON + timedelta(hours=1))
        assert horizon.held == 0


async def test_a_word_in_a_partition_of_another_copy_holds_too(database, fresh_topics, settings_for):
    let_on = asyncio.Event()
    stands = set()

    async def effect(event, tx):
        stands.add(event.complaint_id)
        await let_on.wait()

    url = database.url_of("router")
    async with (
        probe(url, fresh_topics, settings_for(), identity="one", effect=effect) as one,
        probe(url, fresh_topics, settings_for(), identity="two") as two,
    ):
        shared = await until(lambda: one.consumer.client.assignment() and two.consumer.client.assignment())
        assert shared
        await publish(fresh_topics, [submitted(n) for n in range(40)])
        await until(lambda: stands and two.seen)
        horizon = Horizon(two.consumer, 600)

        async def held():
            assert await horizon.reach(NOON) < NOON
            return horizon.held > 2

        await until(held)
        let_on.set()
        await _passes(horizon, NOON)


def _without_kafka(database, settings):
    """A reader that has not started, as while Kafka is away."""
    return Consumer(
        service="router",
        emits="complaints.routing",
        reads=types_read_by("router"),
        handle=None,
        database=Database(database.url_of("router"), name="probe", size=2),
        tracing=Tracing("router", settings),
        signatures=None,
    )


async def test_patience_ends_and_says_so(database, settings_for):
    clock = [0.0]
    horizon = Horizon(_without_kafka(database, settings_for()), 60, lambda: clock[0])
    while clock[0] < 60:
        assert await horizon.reach(NOON) < NOON
        clock[0] += 1
    assert horizon.told.startswith("timers wait, for 60 s: Kafka does not tell")
    clock[0] += 1
    assert await horizon.reach(NOON) == NOON
    assert horizon.impatient and "timers fire although" in horizon.told
    clock[0] += 10
    assert horizon.told is None, "nothing waits any more"
    assert await horizon.reach(NOON + timedelta(hours=3)) < NOON, "the next clock waits again"


async def test_after_a_gap_what_waited_for_kafka_gets_time_to_arrive(database, fresh_topics, settings_for):
    clock = [0.0]
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        consumer, client = running.consumer, running.consumer._subscriber
        horizon = Horizon(consumer, 600, lambda: clock[0])
        consumer._subscriber = None  # not started: as while Kafka is away at the start
        for _ in range(3):
            assert await horizon.reach(NOON) < NOON
            clock[0] += 1
        consumer._subscriber = client
        for _ in range(14):
            assert await horizon.reach(NOON) < NOON
            clock[0] += 1

        async def passes():
            clock[0] += 1
            return await horizon.reach(NOON) == NOON

        await until(passes)
