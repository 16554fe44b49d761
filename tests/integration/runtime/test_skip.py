"""`redress skip`: a wrong place is refused with what is right; a reader that waits goes on, the others are not moved."""

import pytest

from deploy.database import operator_connection
from deploy.dead_letters.skip import Passed, Place, check_place, skip
from deploy.stack.errors import StackError
from tests.support.probe import probe, publish, publish_raw, submitted, until

TOPIC = "complaints.intake"


@pytest.fixture
def database(fresh_database):
    return fresh_database("router", "notifier")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (Place("complaints.intak", 0, 0), "No service reads a topic 'complaints.intak'"),
        (Place(TOPIC, 9, 0), "has no partition 9. It has 0, 1, 2, 3"),
        (Place(TOPIC, 0, 1), "has no record 1; it holds offsets 0 to 0"),
        (Place(TOPIC, 1, 0), "it holds no records"),
    ],
)
async def test_a_place_that_there_is_not_is_refused(fresh_topics, place, told):
    await publish_raw(fresh_topics, [(b"k", b"v", [])], partition=0)
    with pytest.raises(StackError) as refused:
        await check_place(fresh_topics, place)
    assert told in str(refused.value).replace(": It has", ". It has")


async def test_a_reader_that_waits_passes_the_record_and_one_that_does_not_run_is_told_later(
    database, fresh_topics, settings_for
):
    async def effect(event, tx):
        raise KeyError("policy")

    await publish(fresh_topics, [submitted(n) for n in range(7)])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        wait = await until(lambda: running.consumer.stumbles.wait)
        place = Place(wait.topic, wait.partition, wait.offset)
        await check_place(fresh_topics, place)
        async with operator_connection(database.url) as connection:
            outcomes = await skip(connection, place, why="known", by="operator:ann", patience=12)
            letter = await connection.fetchrow("SELECT * FROM router.dead_letter WHERE detail LIKE '%operator:ann%'")
            assert (letter["topic"], letter["partition"], letter["record_offset"]) == (
                place.topic,
                place.partition,
                place.offset,
            )
            assert sorted(outcomes, key=lambda o: o.service) == [
                Passed("notifier", "noted"),
                Passed("router", "passed", f"router/{letter['id']}"),
            ]
            await connection.execute(
                "INSERT INTO notifier.reader_position VALUES ('notifier', $1, $2, 99, 0)", TOPIC, place.partition
            )
            with pytest.raises(StackError, match="has read it already"):
                await skip(connection, place, why="again", by="operator:ann")
