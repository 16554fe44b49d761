"""An event older than the inbox remembers never takes effect twice, and a mend of an old one still takes effect (row 36)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.events.ids import new_id
from shared.runtime import metrics
from shared.runtime.kept import kept_by
from shared.runtime.pruning import Pruner
from tests.support.probe import probe, publish, submitted, until

LONG_AGO = datetime.now(UTC) - timedelta(days=60)


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


def drawn_at(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << 80 | new_id().int & ((1 << 80) - 1))


def told_long_ago(number: int, **fields):
    fields = {"event_id": drawn_at(LONG_AGO), "occurred_at": LONG_AGO} | fields
    return submitted(number).model_copy(update=fields)


async def forget(running) -> None:
    """Let the inbox forget what is older than its span."""
    inbox = [kept for kept in kept_by("router", {}) if kept.table == "inbox"]
    await Pruner(running.database, "router", inbox).prune()


async def test_a_topic_read_again_takes_no_effect_also_where_the_inbox_has_forgotten(
    database, fresh_topics, settings_for
):
    old, young = [told_long_ago(n) for n in range(5)], [submitted(n) for n in range(10, 15)]
    forgotten = metrics.FORGOTTEN.labels("router")._value
    database.execute("DELETE FROM router.inbox_floor")  # nothing was pruned yet
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await publish(fresh_topics, [*old, *young])
        await until(lambda: len(running.seen) == 10)
        await forget(running)
        assert await running.database.fetchval("SELECT count(*) FROM inbox") == 5
        before = forgotten.get()
        await publish(fresh_topics, [*old, *young, last := submitted(99)])
        await until(lambda: last.event_id in running.seen)
        assert len(running.seen) == 11
        await until(lambda: forgotten.get() == before + 5)


async def test_a_dead_letter_replayed_after_long_takes_effect_once(database, fresh_topics, settings_for):
    mended = told_long_ago(1)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await forget(running)
        await running.database.execute(
            """INSERT INTO dead_letter (consumer, topic, partition, record_offset, headers, event_id, reason, detail)
               VALUES ('router', 'complaints.intake', 0, 7, '{}', $1, 'handler_bug', '')""",
            mended.event_id,
        )
        await publish(fresh_topics, [mended])
        await until(lambda: mended.event_id in running.seen)
        await forget(running)
        await publish(fresh_topics, [mended, last := submitted(99)])
        await until(lambda: last.event_id in running.seen)
        assert running.seen == [mended.event_id, last.event_id]


async def test_a_young_event_with_an_id_of_a_wrong_clock_takes_effect_once(database, fresh_topics, settings_for):
    young = told_long_ago(1, occurred_at=datetime.now(UTC))
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await forget(running)
        await publish(fresh_topics, [young])
        await until(lambda: young.event_id in running.seen)
        await forget(running)
        await publish(fresh_topics, [young, last := submitted(99)])
        await until(lambda: last.event_id in running.seen)
        assert running.seen == [young.event_id, last.event_id]
