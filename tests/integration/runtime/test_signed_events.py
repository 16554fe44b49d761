"""Only events that their writer signed take effect, through a real broker (D5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.database import operator_connection
from deploy.dead_letters.replay import replay
from deploy.dead_letters.store import Address
from deploy.keys.event_keys import make_missing, rotate
from deploy.keys.signing import require_signatures
from shared.events.envelope import Event
from shared.events.topics import INTAKE, ROUTING
from shared.runtime.event_keys import HEADER, EventKey, signed
from shared.runtime.kafka import cloud_event_headers
from shared.runtime.pg import Database
from shared.runtime.relay import Relay
from shared.runtime.settings import CommonSettings
from shared.runtime.signatures import KeyFile, Signatures
from tests.support.probe import probe, publish, publish_raw, read_count, submitted, until
from tests.support.signing import KEYS, RING, sign
from tests.support.stack import Database as OneDatabase
from tests.support.stack import DatabaseFactory

Settings = Callable[..., CommonSettings]
STRICT = Signatures(RING)


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> OneDatabase:
    return fresh_database("intake", "router", "sla", "notifier")


def _parts(event: Event) -> tuple[bytes, bytes, list[tuple[str, bytes | None]]]:
    key, value = str(event.complaint_id).encode(), event.model_dump_json().encode()
    return key, value, cloud_event_headers("/intake", event.event_id, event.kind, key, event.occurred_at, None)


async def test_forged_foreign_tampered_and_unsigned_events_go_to_the_dead_letters(
    database: OneDatabase, fresh_topics: str, settings_for: Settings
) -> None:
    goods = [submitted(n) for n in range(6)]
    key, value, bare = _parts(submitted(50))
    foreign = signed(EventKey.of("intake", KEYS["notifier"], signs=True), INTAKE.name, key, bare, value)
    own_of_notifier = signed(RING.own("notifier"), INTAKE.name, key, bare, value)
    good = sign(INTAKE.name, key, bare, value)
    elsewhere = sign(ROUTING.name, key, bare, value)
    bad = [
        ("unsigned", (key, value, bare)),
        ("forged", (key, value, foreign)),
        ("forged", (key, value, own_of_notifier)),
        ("forged", (key, value.replace(b'"channel":"web"', b'"channel":"store"'), good)),
        ("forged", (key, value, [(n, b"/notifier" if n == "ce_source" else v) for n, v in good])),
        ("forged", (key, value, elsewhere)),
    ]
    assert bad[3][1][1] != value
    records: list[Any] = []
    for event, (_, record) in zip(goods, bad, strict=True):
        k, v, h = _parts(event)
        records += [record, (k, v, sign(INTAKE.name, k, h, v))]
    await publish_raw(fresh_topics, records, partition=1)
    async with probe(database.url_of("router"), fresh_topics, settings_for(), signatures=STRICT) as running:
        await until(lambda: len(running.seen) == 6)
        rows = await until(lambda: _letters(running.database, 6))
    assert running.seen == [event.event_id for event in goods]
    assert [row["reason"] for row in rows] == [reason for reason, _ in bad]
    assert [row["value"] for row in rows] == [record[1] for _, record in bad]


async def _letters(database: Database, count: int) -> list[Any]:
    rows = await database.fetch("SELECT * FROM dead_letter ORDER BY record_offset")
    return list(rows) if len(rows) >= count else []


async def test_the_relay_signs_what_it_publishes_and_a_rotation_loses_no_event(
    database: OneDatabase, fresh_topics: str, settings_for: Settings, tmp_path: Path
) -> None:
    keys = tmp_path / "events"
    make_missing(keys)
    writer, reader = (KeyFile(keys / f"{name}.json", name) for name in ("intake", "router"))
    intake = Database(database.url_of("intake"), name="writer", size=3)
    told: list[Any] = []

    async def say(count: int) -> None:
        from shared.runtime.transaction import Tx

        async with intake.connection() as connection, connection.transaction():
            tx = Tx(connection, INTAKE.name, await connection.fetchval("SELECT clock.now()"), {}, None)
            events = [submitted(n) for n in range(count)]
            for event in events:
                tx.emit(event)
            await tx.write_outbox()
        told.extend(event.event_id for event in events)
        relay.wake()

    import asyncio

    relay = Relay(intake, "intake", fresh_topics, signer=writer.signer)
    stop = asyncio.Event()
    running_relay = asyncio.create_task(relay.run(stop))
    try:
        async with probe(
            database.url_of("router"), fresh_topics, settings_for(), signatures=reader.signatures
        ) as running:
            used = set()
            for _ in range(4):
                await say(30)
                used.add(writer.signer().key_id)
                await until(lambda: len(running.seen) == len(told))
                rotate(keys, "intake", prepare=False)
                await say(30)  # some of these are signed before the writer has looked at its file, and some after
                writer.refresh()
            await until(lambda: len(running.seen) == len(told))
            assert await running.database.fetchval("SELECT count(*) FROM dead_letter") == 0
    finally:
        stop.set()
        relay.wake()
        await running_relay
        await intake.close()
    assert sorted(running.seen) == sorted(told) and len(used) == 4
    records = await read_count(fresh_topics, INTAKE.name, len(told))
    assert all(HEADER in dict(record.headers) for record in records)


async def test_after_an_upgrade_the_unsigned_are_believed_up_to_where_signing_was_required(
    database: OneDatabase, fresh_topics: str, settings_for: Settings, tmp_path: Path
) -> None:
    database.execute("DELETE FROM router.signed_from; DELETE FROM intake.signed_from")
    old, new = [submitted(n) for n in range(8)], [submitted(n) for n in range(8, 16)]
    bare = [(key, value, headers) for key, value, headers in map(_parts, old)]
    await publish_raw(fresh_topics, bare, partition=2)
    async with operator_connection(database.url) as connection:
        assert await require_signatures(connection, fresh_topics) == ["intake", "router"]
        assert await require_signatures(connection, fresh_topics) == []
    late = submitted(99)
    await publish(fresh_topics, new)
    await publish_raw(fresh_topics, [_parts(late)], partition=2)
    make_missing(tmp_path)
    file = KeyFile(tmp_path / "router.json", "router")
    own = Database(database.url_of("router"), name="rules", size=1)
    await file.read_rules(own)
    await own.close()
    rules = Signatures(RING, file.signatures.rules)
    async with probe(database.url_of("router"), fresh_topics, settings_for(), signatures=rules) as running:
        await until(lambda: len(running.seen) == 16)
        [letter] = await until(lambda: _letters(running.database, 1))
    assert {event.event_id for event in (*old, *new)} == set(running.seen)
    assert (letter["reason"], letter["event_id"]) == ("unsigned", late.event_id)


async def test_a_replay_keeps_the_signature_and_a_forged_letter_needs_a_word(
    database: OneDatabase, fresh_topics: str, settings_for: Settings
) -> None:
    """What failed for another reason is sent again as it was; what is not believed only when somebody signs it."""
    trouble = True
    failing, unsigned = submitted(1), submitted(2)

    async def effect(event: Event, tx: Any) -> None:
        if trouble and event.event_id == failing.event_id:
            raise ZeroDivisionError

    await publish(fresh_topics, [failing])
    await publish_raw(fresh_topics, [_parts(unsigned)])
    async with probe(
        database.url_of("router"), fresh_topics, settings_for(), signatures=STRICT, effect=effect
    ) as running:
        rows = await until(lambda: _letters(running.database, 2))
        by_event = {row["event_id"]: Address("router", row["id"]) for row in rows}
        trouble = False
        async with operator_connection(database.url) as connection:
            both = [by_event[failing.event_id], by_event[unsigned.event_id]]
            first = await replay(connection, fresh_topics, both, by="test", signatures=STRICT)
            assert [one.sent for one in first] == [True, False]
            assert "unsigned: the services would refuse it again" in (first[1].why_not or "")
            await until(lambda: failing.event_id in running.seen)
            [second] = await replay(connection, fresh_topics, both[1:], by="test", signatures=STRICT, sign=True)
            assert second.sent
        await until(lambda: unsigned.event_id in running.seen)
        assert len(await _letters(running.database, 2)) == 2
