"""Events before timers (trial C2): a clock fires only when sla has read everything that was written before it was due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.events.envelope import Event
from shared.events.topics import TOPIC_OF
from tests.integration.sla.conftest import Running, after, told, until
from tests.integration.sla.test_crashes import Processes, processes
from tests.support.signing import parts_of
from tests.unit.sla.story import Story

__all__ = ["processes"]


async def publish(bootstrap: str, *events: Event) -> None:
    """As the relays do: keyed by complaint, signed by the writer."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for event in events:
            key, value, headers = parts_of(event)
            await producer.send_and_wait(TOPIC_OF[type(event)].name, value, key=key, headers=headers)
    finally:
        await producer.stop()


async def levels(running: Running, story: Story) -> set[tuple[str, str]]:
    return {(e.clock, e.level) for e in await running.sent(story.complaint_id) if hasattr(e, "level")}


def has(running: Running, story: Story, level: tuple[str, str]) -> Callable[[], Any]:
    async def look() -> bool:
        return level in await levels(running, story)

    return look


async def asked_on_monday(running: Running, count: int) -> list[Story]:
    """Complaints whose customers were asked on Monday and told so at once; they have a week to answer."""
    stories = [told() for _ in range(count)]
    for story in stories:
        await running.feed(story.assigned(), story.asked(after(minutes=5)), story.told(after(minutes=6)))
    await running.tick(after(days=4))
    return stories


async def test_after_an_outage_words_in_the_queue_come_before_clocks(
    running: Running, processes: Processes, fresh_topics: str
) -> None:
    """Question 1 was answered in time while sla was down, and question 2 asked: nothing runs out."""
    answered, silent = await asked_on_monday(running, 2)
    running.travel(after(days=10))
    words = [
        answered.answered(after(days=4, hours=1)),
        answered.asked(after(days=9, hours=23)),
        answered.told(after(days=9, hours=23, minutes=1)),
    ]
    await publish(fresh_topics, *words)
    processes.start(KAFKA_BOOTSTRAP_SERVERS=fresh_topics, SLA_CATCH_UP_SECONDS="600")
    await until(has(running, silent, ("answer", "breach")))
    assert ("answer", "breach") not in await levels(running, answered)


async def test_when_kafka_stays_away_clocks_fire_all_the_same(running: Running, processes: Processes) -> None:
    [silent] = await asked_on_monday(running, 1)
    running.travel(after(days=10))
    processes.start(SLA_CATCH_UP_SECONDS="2")
    await until(has(running, silent, ("answer", "breach")))


async def test_a_standstill_far_behind_holds_only_what_was_due_since(running: Running) -> None:
    """What was due before the moment up to which all is read fires, however much is still to be read after that."""
    early, late = told(), told(received_at=after(hours=1))
    await running.feed(early.assigned(), late.assigned())
    running.travel(after(hours=8))
    ticker = running.ticker()
    assert await ticker.tick(after(hours=2)) == 1
    assert await levels(running, early) == {("first_response", "warn_50")}
    assert await levels(running, late) == set()
    assert await ticker.tick(after(hours=2)) == 0
    assert await ticker.tick(after(hours=3) - timedelta(microseconds=1)) == 0
    assert await ticker.tick(after(hours=3)) >= 1
