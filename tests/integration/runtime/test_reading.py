"""What a service wants to read, it reads; what is our own fault waits and says so (A7, A9-A11, B1, H1, H5)."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from deploy.stack.topics import create_topics, delete_topics
from shared.runtime import metrics, reach
from shared.runtime.health import Health
from shared.runtime.watchdog import Watchdog
from tests.support.probe import probe, publish, submitted, until

TOPIC = "complaints.intake"


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


def _health(running, needs=("database", "reader")):
    health = Health("router", running.database, running.relay, frozenset(needs))
    health.consumer = running.consumer
    return health


async def _ready(health):
    status, body = await health.ready()
    return body if status == 200 and body["status"] == "ready" else None


def _mended(why):
    return metrics.MENDED.labels("router", TOPIC, why)._value


# -- our own fault waits -----------------------------------------------------------------------------------------------


async def test_a_missing_column_makes_the_copy_wait_and_say_so_and_buries_nothing(database, fresh_topics, settings_for):
    async def effect(event, tx):
        await tx.execute("SELECT owner FROM inbox LIMIT 1")

    await publish(fresh_topics, [submitted(n) for n in range(30)])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        health = _health(running)
        await until(lambda: running.consumer.stumbles.wait)
        status, body = await health.ready()
        assert (status, body["status"]) == (503, "not ready")
        assert "schema" in body["reasons"]["reader"] and "42703" in body["reasons"]["reader"]
        assert (await _health(running, ["database"]).ready())[0] == 200, "HTTP stays where it needs no reader"
        assert metrics.WAITING.labels("router", "deployment")._value.get() == 1
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 0
        await asyncio.to_thread(database.execute, "ALTER TABLE router.inbox ADD COLUMN owner text")
        await until(lambda: len(running.seen) == 30)
        await until(lambda: metrics.WAITING.labels("router", "deployment")._value.get() == 0)
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 0


async def test_events_that_fail_alike_stop_being_buried_and_go_on_when_the_cause_is_gone(
    database, fresh_topics, settings_for
):
    broken = [True]

    async def effect(event, tx):
        if broken:
            raise KeyError("policy")

    await publish(fresh_topics, events := [submitted(n) for n in range(40)])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        wait = await until(lambda: running.consumer.stumbles.wait)
        assert (wait.kind, wait.topic) == ("repeated", TOPIC) and wait.event_id in {e.event_id for e in events}
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 5
        assert (await _health(running).ready())[0] == 503
        broken.clear()
        await until(lambda: len(running.seen) == 35)
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 5


async def test_an_operator_lets_it_go_on(database, fresh_topics, settings_for):
    async def effect(event, tx):
        raise KeyError("policy")

    await publish(fresh_topics, [submitted(n, complaint_id=None) for n in range(7)])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        wait = await until(lambda: running.consumer.stumbles.wait)
        sql = "INSERT INTO router.reader_skip VALUES ('router', $1, $2, $3, 'known', 'operator:ann')"
        await asyncio.to_thread(database.execute, sql, wait.topic, wait.partition, wait.offset)
        await until(lambda: running.database.fetchval("SELECT count(*) = 7 FROM dead_letter"))
        told = await running.database.fetch("SELECT detail FROM dead_letter WHERE detail LIKE '%operator:ann: known%'")
    assert len(told) == 1


async def test_different_events_that_fail_differently_are_buried_one_by_one(database, fresh_topics, settings_for):
    kinds = [
        KeyError,
        ValueError,
        ZeroDivisionError,
        IndexError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
    ]

    async def effect(event, tx):
        raise kinds[event.version - 1]

    await publish(fresh_topics, [submitted(version=n + 1) for n in range(len(kinds))])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        await until(lambda: running.database.fetchval("SELECT count(*) = 8 FROM dead_letter"))
        assert running.consumer.stumbles.wait is None


# -- positions ---------------------------------------------------------------------------------------------------------


async def _positions(running):
    rows = await running.database.fetch("SELECT partition, next_offset FROM reader_position WHERE topic = $1", TOPIC)
    return {row["partition"]: row["next_offset"] for row in rows}


async def test_a_restored_database_reads_again_what_it_lacks(database, fresh_topics, settings_for):
    events = [submitted(n) for n in range(40)]
    await publish(fresh_topics, events[:20])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: len(running.seen) == 20)
        await until(running.outbox_empty)
    database.execute("CREATE TABLE router.backup_inbox AS TABLE router.inbox")
    database.execute("CREATE TABLE router.backup_position AS TABLE router.reader_position")
    await publish(fresh_topics, events[20:])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: len(running.seen) == 20)
    for table in ("inbox", "reader_position"):
        database.execute(f"TRUNCATE router.{table}")
        copy = table.replace("reader_", "")
        database.execute(f"INSERT INTO router.{table} TABLE router.backup_{copy}")
    before = _mended("database_is_behind").get()
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as restored:
        await until(lambda: len(restored.seen) == 20)
    assert set(restored.seen) == {e.event_id for e in events[20:]}
    assert _mended("database_is_behind").get() > before


async def test_positions_are_stored_also_for_records_that_are_not_for_us(database, fresh_topics, settings_for):
    from tests.support.probe import follow_up

    class Now:
        now = submitted().occurred_at

    await publish(fresh_topics, [follow_up(submitted(n), Now) for n in range(20)])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: running.database.fetchval("SELECT sum(next_offset) = 20 FROM reader_position"))
        before = _mended("database_is_behind").get()
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as again:
        await publish(fresh_topics, [last := submitted(1)])
        await until(lambda: last.event_id in again.seen)
    assert _mended("database_is_behind").get() == before


async def test_a_log_that_lost_its_tail_and_grew_again_is_read_again(database, fresh_topics, settings_for):
    await publish(fresh_topics, [submitted(n) for n in range(40)])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: len(running.seen) == 40)
        await until(running.outbox_empty)
        at = await _positions(running)
    await delete_topics(fresh_topics, [TOPIC])
    await create_topics(fresh_topics)
    events = [submitted(n) for n in range(60 + sum(at.values()))]
    await publish(fresh_topics, events)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: {e.event_id for e in events} == set(running.seen))


# -- groups and topics -------------------------------------------------------------------------------------------------


async def test_a_topic_deleted_and_made_anew_is_read_again_by_a_running_reader(database, fresh_topics, settings_for):
    await publish(fresh_topics, [submitted(n) for n in range(20)])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        watchdog = Watchdog(fresh_topics, running.relay, running.consumer, 120, running.failures.append)
        health, stop = _health(running), asyncio.Event()
        looking = asyncio.create_task(watchdog.run(stop))
        await until(lambda: len(running.seen) == 20)
        await delete_topics(fresh_topics, [TOPIC])
        await until(lambda: TOPIC in running.consumer.reach.missing, 40)
        status, body = await health.ready()
        assert status == 200 and body["status"] == "degraded" and TOPIC in body["reasons"]["topics"]
        await create_topics(fresh_topics)
        await publish(fresh_topics, again := [submitted(n) for n in range(20)])
        await until(lambda: {e.event_id for e in again} <= set(running.seen), 90)
        await until(lambda: _ready(health), 40)
        stop.set()
        await looking


async def test_a_topic_that_an_upgrade_adds_is_read_at_once(database, fresh_topics, settings_for, monkeypatch):
    from shared.runtime import membership
    from tests.support import probe as support

    everything = support.types_read_by("router")
    old = {TOPIC: everything[TOPIC]}
    monkeypatch.setattr(support, "types_read_by", lambda service: old)
    name = membership.identity_of("router", 8102, old, "host")
    async with probe(database.url_of("router"), fresh_topics, settings_for(), identity=name) as running:
        await until(lambda: running.consumer.placed)
    monkeypatch.setattr(support, "types_read_by", lambda service: everything)
    name = membership.identity_of("router", 8102, everything, "host")
    async with probe(database.url_of("router"), fresh_topics, settings_for(), identity=name) as running:
        wanted = set(everything)
        client = running.consumer.client
        await until(lambda: {p.topic for p in client.assignment()} == wanted, 45)


async def test_copies_beyond_the_partitions_are_standbys_and_ready(database, fresh_topics, settings_for, monkeypatch):
    from tests.support import probe as support

    one_topic = {"complaints.dead-letters": frozenset()}
    monkeypatch.setattr(support, "types_read_by", lambda service: one_topic)
    url = database.url_of("router")
    async with (
        probe(url, fresh_topics, settings_for(), identity="redress-router-a") as first,
        probe(url, fresh_topics, settings_for(), identity="redress-router-b") as second,
    ):
        await until(lambda: first.consumer.placed and second.consumer.placed)
        seats = []
        for one in (first, second):
            await Watchdog(fresh_topics, one.relay, one.consumer, 120, one.failures.append).look()
            body = await until(lambda one=one: _ready(_health(one)))
            seats.append((body["reader"]["partitions"], body["reader"]["standby"]))
    assert sorted(seats) == [(0, True), (1, False)]


async def test_a_copy_that_is_stopped_hands_its_partitions_to_the_others_at_once(database, fresh_topics, settings_for):
    url = database.url_of("router")
    async with probe(url, fresh_topics, settings_for(), identity="redress-router-stays") as stays:
        await until(lambda: stays.consumer.placed)
        async with probe(url, fresh_topics, settings_for(), identity="redress-router-leaves") as leaves:
            await until(lambda: leaves.consumer.client.assignment() and stays.consumer.client.assignment(), 40)
        began = time.monotonic()
        await publish(fresh_topics, events := [submitted(n) for n in range(40)])
        await until(lambda: set(stays.seen) == {e.event_id for e in events})
        assert time.monotonic() - began < 15, "the session of the one that left had to run out first"


async def test_a_copy_that_is_alone_keeps_its_place_while_it_is_away(database, fresh_topics, settings_for):
    url = database.url_of("router")
    async with probe(url, fresh_topics, settings_for()) as running:
        await until(lambda: running.consumer.placed)
        generation = running.consumer.client._coordinator.generation
    async with probe(url, fresh_topics, settings_for()) as running:
        await until(lambda: running.consumer.placed)
        assert running.consumer.client._coordinator.generation == generation, "it was joined anew by a rebalance"


async def test_two_copies_with_one_identity_notice_it_and_both_read_on(database, fresh_topics, settings_for):
    count = metrics.IDENTITY_CONFLICTS.labels("router")._value
    before = count.get()
    url = database.url_of("router")
    async with probe(url, fresh_topics, settings_for(), identity="redress-router-twin") as first:
        await until(lambda: first.consumer.placed)
        async with probe(url, fresh_topics, settings_for(), identity="redress-router-twin") as second:
            await until(lambda: count.get() > before, 40)
            clients = [one.consumer.client for one in (first, second)]
            await until(lambda: all(client.assignment() for client in clients), 30)
            await publish(fresh_topics, events := [submitted(n) for n in range(40)])
            await until(lambda: {*first.seen, *second.seen} == {e.event_id for e in events}, 40)
            conflicts = [
                body["reader"].get("conflict") for body in [(await _health(o).ready())[1] for o in (first, second)]
            ]
            assert any(conflicts) and not all(conflicts)
            settled = count.get()
            deadline = time.monotonic() + 3
            await until(lambda: time.monotonic() > deadline)
            assert count.get() == settled, "they go on evicting each other"


# -- signals -----------------------------------------------------------------------------------------------------------


async def test_lag_is_true_also_behind_the_first_batch(database, fresh_topics, settings_for):
    gate = asyncio.Event()

    async def effect(event, tx):
        await gate.wait()

    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect, records=1) as running:
        # Topics just made anew may be assigned in two steps, and the second waits for the batch at work.
        await until(lambda: running.consumer.placed)
        client = running.consumer.client
        await until(lambda: sum(partition.topic == TOPIC for partition in client.assignment()) == 4, 40)
        await publish(fresh_topics, [submitted(n) for n in range(10)])
        await until(lambda: running.consumer.working)
        await publish(fresh_topics, [submitted(n) for n in range(1_200)])
        watchdog = Watchdog(fresh_topics, running.relay, running.consumer, 120, running.failures.append)
        await until(lambda: _lag_after(watchdog, 1_210))
        gate.set()


async def _lag_after(watchdog, wanted):
    await watchdog.look()
    return sum(metrics.LAG.labels("router", TOPIC, n)._value.get() for n in range(4)) == wanted


async def test_a_partition_that_nobody_has_is_seen_and_taken(database, fresh_topics, settings_for, monkeypatch):
    monkeypatch.setattr(reach, "UNREAD_AFTER", 0.0)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: running.consumer.placed)
        watchdog = Watchdog(fresh_topics, running.relay, running.consumer, 120, running.failures.append)
        client, health = running.consumer.client, _health(running)
        monkeypatch.setattr(running.consumer.reach, "_topics", (*running.consumer.reads, "complaints.dead-letters"))
        client._client.add_topic("complaints.dead-letters")
        await until(lambda: client._client.cluster.partitions_for_topic("complaints.dead-letters"))
        joins = metrics.REJOINS.labels("router", "partitions_without_reader")._value
        before, generation = joins.get(), client._coordinator.generation
        alone = "complaints.dead-letters[0] has no reader"
        await until(lambda: _told(watchdog, health, alone))
        assert joins.get() == before + 1
        await until(lambda: client._coordinator.generation > generation and running.consumer.placed)
        await publish(fresh_topics, [event := submitted(1)])
        await until(lambda: event.event_id in running.seen)


async def _told(watchdog, health, what):
    await watchdog.look()
    return what in (await health.ready())[1].get("reasons", {}).get("topics", "")


def _still():
    stumbles = SimpleNamespace(unreadable={})
    consumer = SimpleNamespace(
        client=object(), working=False, last_poll=1_000.0, last_progress=1_000.0, stumbles=stumbles
    )
    consumer.reach = SimpleNamespace(still={("t", 0): 800.0})
    return Watchdog("", SimpleNamespace(busy=False, overlooked=0.0), consumer, 120, print)


def test_a_partition_that_stands_still_ends_the_process() -> None:
    assert _still().stuck(1_001.0) == "partition"
    assert _still().stuck(900.0) is None


async def test_why_a_process_ended_is_told_by_the_next(database, fresh_topics, settings_for):
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await _health(running).record("relay")
        count = metrics.WATCHDOG.labels("router", "relay")._value
        before, fresh = count.get(), _health(running)
        await fresh.remember()
        assert count.get() == before + 1
        assert (await fresh.ready())[1]["last_failure"]["what"] == "relay"


async def test_a_client_that_kafka_has_not_answered_calls_no_topic_missing() -> None:
    silent = SimpleNamespace(
        assignment=set,
        _client=SimpleNamespace(cluster=SimpleNamespace(partitions_for_topic=lambda topic: None)),
        _coordinator=SimpleNamespace(coordinator_id=None),
    )
    looked = reach.Reach("router", [TOPIC])
    await looked.measure(silent, {}, busy=False)
    assert (looked.missing, looked.answered) == (frozenset(), 0.0)
