"""Delivery: nothing lost, nothing twice, poison buried once (promises I4, I5, I11; D1-D7)."""

import json

import pytest

from shared.events.ids import new_id
from shared.events.topics import DEAD_LETTERS
from shared.runtime import metrics
from shared.runtime.kafka import cloud_event_headers
from tests.support.probe import probe, publish, publish_raw, read_count, submitted, until


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


async def _all_zero(lag):
    return not any((await lag).values())


async def test_a_new_group_starts_with_what_is_already_there(database, fresh_topics, settings_for):
    events = [submitted(n) for n in range(50)]
    await publish(fresh_topics, events)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: len(running.seen) == 50)
    assert set(running.seen) == {e.event_id for e in events}


async def test_each_event_is_applied_once_however_often_it_is_delivered(database, fresh_topics, settings_for):
    events = [submitted(n) for n in range(40)]
    await publish(fresh_topics, [*events, *events])
    await publish(fresh_topics, events)
    async with probe(database.url_of("router"), fresh_topics, settings_for(), records=25) as running:
        await until(lambda: len(running.seen) >= 40)
        await until(running.outbox_empty)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as again:
        await publish(fresh_topics, [last := submitted(99)])
        await until(lambda: last.event_id in again.seen)
    assert len(running.seen) == len(set(running.seen)) == 40
    assert again.seen == [last.event_id]
    assert len(await read_count(fresh_topics, "complaints.routing", 41)) == 41


async def test_what_was_worked_off_is_committed_at_rest_and_at_the_end(database, fresh_topics, settings_for):
    async def lag():
        client = running.consumer.client
        ends = await client.end_offsets(client.assignment())
        return {p: end - (await client.committed(p) or 0) for p, end in ends.items()}

    dropped = metrics.DUPLICATES.labels("router")._value
    before = dropped.get()
    await publish(fresh_topics, [submitted(n) for n in range(40)])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: len(running.seen) == 40)
        await until(lambda: _all_zero(lag()))
        await publish(fresh_topics, [submitted(n) for n in range(40)])
        await until(lambda: len(running.seen) == 80)
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as again:
        await publish(fresh_topics, [last := submitted(99)])
        await until(lambda: last.event_id in again.seen)
    assert dropped.get() == before, "nothing came twice after an orderly stop"


async def test_fetches_gather_under_load_and_answer_at_once_at_rest(database, fresh_topics, settings_for):
    waits = []

    async def effect(event, tx):
        waits.append(running.consumer.client._fetcher._fetch_max_wait_ms)

    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        fetcher = running.consumer.client._fetcher
        assert (fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms) == (1, 500)
        await publish(fresh_topics, [submitted(1)])
        await until(lambda: waits)
        assert waits == [50]
        await until(lambda: (fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms) == (1, 500))


async def test_the_broker_gathers_longer_while_fetches_bring_many(database, fresh_topics, settings_for):
    waits = []

    async def effect(event, tx):
        waits.append(running.consumer.client._fetcher._fetch_max_wait_ms)

    await publish(fresh_topics, [submitted(n) for n in range(200)])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        await until(lambda: len(waits) == 200)
    assert 100 in waits


async def test_a_batch_that_fails_is_narrowed_down_to_its_poison(database, fresh_topics, settings_for):
    events = [submitted(n) for n in range(60)]
    poison = events[37]

    async def effect(event, tx):
        if event.event_id == poison.event_id:
            raise ZeroDivisionError("jane@example.com must not be quoted")

    await publish(fresh_topics, events)
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        await until(lambda: len(set(running.seen)) == 59)
        rows = await until(lambda: running.database.fetch("SELECT * FROM dead_letter"))
        await until(running.outbox_empty)
    assert [(r["event_id"], r["reason"], r["attempts"]) for r in rows] == [(poison.event_id, "handler_bug", 3)]
    assert "jane" not in rows[0]["detail"]
    assert running.failures == []
    out = {json.loads(r.value)["cause"]["id"] for r in await read_count(fresh_topics, "complaints.routing", 59)}
    assert out == {str(e.event_id) for e in events if e is not poison}


async def test_a_row_the_database_refuses_goes_to_the_dead_letters_at_once(database, fresh_topics, settings_for):
    events = [submitted(n) for n in range(10)]

    async def effect(event, tx):
        if event.event_id == events[3].event_id:
            await tx.execute("INSERT INTO inbox (consumer, event_id) VALUES (NULL, $1)", event.event_id)

    await publish(fresh_topics, events)
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        await until(lambda: len(set(running.seen)) == 9)
        rows = await until(lambda: running.database.fetch("SELECT * FROM dead_letter"))
    assert [(r["event_id"], r["reason"], r["attempts"]) for r in rows] == [
        (events[3].event_id, "refused_by_database", 1)
    ]


def _poison(event):
    good = event.model_dump_json().encode()
    key = str(event.complaint_id).encode()
    headers = cloud_event_headers("/intake", event.event_id, event.kind, key, event.occurred_at, None)
    other = [h for h in headers if h[0] != "ce_type"]
    return {
        "bad_json": (key, b'{"type": "complaint.submitted.v1", ', headers),
        "bad_schema": (key, b'{"type": "complaint.submitted.v1"}', headers),
        "unknown_version": (key, good, [*other, ("ce_type", b"complaint.submitted.v9")]),
        "empty_value": (key, None, headers),
        "no_key": (None, good, headers),
        "too_large": (key, good[:-1] + b',"more":"' + b"x" * 2_000_000 + b'"}', headers),
        "bad_encoding": (key, b"\xff\xfe\x00complaint", headers),
        "bad_header": (key, good, [*headers, ("x-shop", b"\xff\xfe")]),
        "too_deep": (key, good[:-1] + b',"more":' + b"[" * 5_000 + b"]" * 5_000 + b"}", headers),
    }


async def test_nine_kinds_of_poison_go_to_the_dead_letters_once_and_good_neighbours_pass(
    database, fresh_topics, settings_for
):
    bad = _poison(submitted(1))
    goods = [submitted(n) for n in range(len(bad) + 1)]
    records = []
    for good, record in zip(goods, bad.values(), strict=False):
        key = str(good.complaint_id).encode()
        headers = cloud_event_headers("/intake", good.event_id, good.kind, key, good.occurred_at, None)
        records += [(key, good.model_dump_json().encode(), headers), record]
    await publish_raw(fresh_topics, records, partition=0)
    await publish(fresh_topics, goods[-1:])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: set(running.seen) == {g.event_id for g in goods})
        await until(lambda: running.database.fetchval("SELECT count(*) >= 9 FROM dead_letter"))
        await until(running.outbox_empty)
    # Started anew, it reads on from its offsets: nothing is buried twice.
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as again:
        await publish(fresh_topics, [last := submitted(77)])
        await until(lambda: last.event_id in again.seen)
        rows = await again.database.fetch("SELECT * FROM dead_letter ORDER BY record_offset")
    assert [r["reason"] for r in rows] == list(bad)
    assert [bytes(r["value"]) if r["value"] is not None else None for r in rows] == [b[1] for b in bad.values()]
    dead = await read_count(fresh_topics, DEAD_LETTERS, 9)
    assert sorted(r.value or b"" for r in dead) == sorted(b[1] or b"" for b in bad.values())
    told = [dict(r.headers) for r in dead]
    assert sorted(h["x-dead-letter-reason"].decode() for h in told) == sorted(bad)
    assert any(h.get("x-shop") == b"\xff\xfe" for h in told), "original header bytes are kept"


async def test_a_batch_that_cannot_even_be_buried_is_not_passed_over(database, fresh_topics, settings_for):
    events = [submitted(n) for n in range(20)]
    broken = []

    async def effect(event, tx):
        if event.event_id == events[0].event_id and not broken:
            raise ZeroDivisionError

    await publish(fresh_topics, events)
    database.execute("ALTER TABLE router.dead_letter ADD CONSTRAINT nothing CHECK (false)")
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect, records=5) as running:
        await until(lambda: running.failures)
    database.execute("ALTER TABLE router.dead_letter DROP CONSTRAINT nothing")
    broken.append("no more")
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as again:
        await until(lambda: {*running.seen, *again.seen} == {e.event_id for e in events})
        assert await again.database.fetchval("SELECT count(*) FROM dead_letter") == 0


async def test_a_header_name_postgres_cannot_hold_is_buried(database, fresh_topics, settings_for):
    good = submitted(1)
    key = str(good.complaint_id).encode()
    await publish_raw(fresh_topics, [(key, b"{}", [("x\x00shop", b"1")])], partition=0)
    await publish(fresh_topics, [good])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        await until(lambda: running.seen)
        rows = await until(lambda: running.database.fetch("SELECT * FROM dead_letter"))
        await until(running.outbox_empty)
    assert [row["reason"] for row in rows] == ["no_type"]
    (dead,) = await read_count(fresh_topics, DEAD_LETTERS, 1)
    assert dict(dead.headers)["x\\x00shop"] == b"1"


async def test_a_broken_off_transaction_leaves_nothing_and_comes_again(database, fresh_topics, settings_for):
    tries = []

    async def effect(event, tx):
        tries.append(event.event_id)
        if len(tries) == 1:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    await publish(fresh_topics, [event := submitted(5)])
    async with probe(database.url_of("router"), fresh_topics, settings_for(), effect=effect) as running:
        await until(lambda: running.seen)
        await until(running.outbox_empty)
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 0
    assert running.seen == [event.event_id]
    assert len(tries) == 2


@pytest.mark.parametrize("other_commits", [True, False])
async def test_two_copies_of_a_service_with_the_same_batch_apply_it_once(
    database, fresh_topics, settings_for, other_commits
):
    events = [submitted(n) for n in range(3)]
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        async with running.database.connection() as other:
            copy = other.transaction()
            await copy.start()
            await other.execute("INSERT INTO inbox (consumer, event_id) VALUES ($1, $2)", "router", events[1].event_id)
            await publish(fresh_topics, events)
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            await until(lambda: running.database.fetchval(waits))
            await (copy.commit() if other_commits else copy.rollback())
        wanted = {e.event_id for e in events} - ({events[1].event_id} if other_commits else set())
        await until(lambda: running.database.fetchval("SELECT count(*) = 3 FROM inbox"))
        assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 0
    assert sorted(running.seen) == sorted(wanted)


async def test_events_this_service_does_not_read_leave_no_trace(database, fresh_topics, settings_for):
    from tests.support.probe import follow_up

    class Now:
        now = submitted().occurred_at

    await publish(fresh_topics, [follow_up(submitted(n), Now) for n in range(5)], topic="complaints.sla")
    await publish(fresh_topics, [event := submitted(new_id().int % 1000)])
    async with probe(database.url_of("router"), fresh_topics, settings_for()) as running:
        rows = await until(lambda: running.database.fetch("SELECT event_id FROM inbox"))
    assert [row["event_id"] for row in rows] == [event.event_id]
    assert running.seen == [event.event_id]
