"""Nothing grows for ever but cases: what is older than its span goes, what is younger stays, and nobody waits for it (B10, H11)."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from shared.events.ids import new_id
from shared.runtime import metrics
from shared.runtime.bootstrap import SERVICES
from shared.runtime.kept import EVERY, TABLES, Kept, kept_by
from shared.runtime.pg import Database
from shared.runtime.pruning import Pruner

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
PRUNED = [kept for kept in TABLES if kept.days is not None]
#: A row per table, told when it began and when it ended; $1 an id drawn then, $2 the moment.
ROWS = {
    "inbox": "INSERT INTO inbox (consumer, event_id) SELECT '{service}', $1 WHERE $2::timestamptz IS NOT NULL",
    "inbox_late": "INSERT INTO inbox_late (consumer, event_id, applied_at) VALUES ('{service}', $1, $2)",
    "dead_letter": """INSERT INTO dead_letter (consumer, topic, partition, record_offset, headers, event_id, reason, detail,
                                               failed_at, replayed_at)
                      VALUES ('{service}', 'complaints.intake', 0, extract(epoch FROM $2::timestamptz), '{{}}', $1, 'bad_json', '', $2,
                              {replayed})""",
    "idempotency": """INSERT INTO idempotency (client_id, key, digest, complaint_id, answer, answered_at)
                      VALUES (1, $1, '', $1, '', $2)""",
    "command_key": """INSERT INTO command_key (who, key, digest, asked_at)
                      VALUES ('staff:x', $1, decode(repeat('00', 32), 'hex'), $2)""",
    "early_event": """INSERT INTO early_event (event_id, complaint_id, type, payload)
                      SELECT $1, $1, 'x', '' WHERE $2::timestamptz IS NOT NULL""",
    "process_end": "INSERT INTO process_end (what, ended_at) VALUES ($1::uuid::text, $2)",
    "sign_in_failure": "INSERT INTO sign_in_failure (subject, failures, last_at) VALUES ('user:' || $1::uuid, 1, $2)",
    "fired": """WITH j AS (INSERT INTO journey (complaint_id, reference, phase, closed_at, facts, clocks, fired, version)
                           VALUES ($1, $1::uuid::text, 'closed', $2, '{{}}', '[]', '[]', 1))
                INSERT INTO fired (complaint_id, clock, epoch, level, due_at, fired_at, late)
                VALUES ($1, 'journey', 1, 'breach', $2, $2, false)""",
    "notice": """INSERT INTO notice (complaint_id, notice_id, kind, cause_id, recipient_ref, epoch, variant, state,
                                     created_at, due_since, settled_at)
                 VALUES ($1, $1, 'progress', $1, $1, 1, '', 'sent', $2, $2, $2)""",
    "suppression": """INSERT INTO suppression (contact_hash, reason, since, until)
                      VALUES (decode(replace($1::uuid::text, '-', ''), 'hex'), 'no_such_mailbox', $2, $2)""",
}


def id_at(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << 80 | new_id().int & ((1 << 80) - 1))


@pytest.fixture
def database(fresh_database):
    made = fresh_database(*SERVICES)
    made.freeze_clock(NOW.isoformat())
    return made


@pytest.fixture
async def own(database):
    """Opens the database as a service."""
    opened = []

    def make(service: str) -> Database:
        opened.append(Database(database.url_of(service), name="test"))
        return opened[-1]

    yield make
    for one in opened:
        await one.close()


def service_of(kept: Kept) -> str:
    return "sla" if kept.service == EVERY else kept.service


async def put(own: Database, kept: Kept, age: timedelta) -> UUID:
    moment = NOW - age
    replayed = "$2" if kept.old.startswith("replayed_at <") else "NULL"
    row = id_at(moment)
    await own.execute(ROWS[kept.table].format(service=service_of(kept), replayed=replayed), row, moment)
    return row


async def rows(own: Database, table: str) -> int:
    return await own.fetchval(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("kept", PRUNED, ids=lambda kept: f"{kept.name}-{kept.days}")
async def test_what_is_older_than_its_span_goes_and_what_is_younger_stays(own, kept: Kept) -> None:
    database = own(service_of(kept))
    span = timedelta(days=kept.days or 0)
    await put(database, kept, span + timedelta(hours=1))
    await put(database, kept, span - timedelta(hours=1))
    counted = metrics.PRUNED.labels(service_of(kept), kept.table)._value
    before = counted.get()
    pruner = Pruner(database, service_of(kept), kept_by(service_of(kept), {}))
    assert await pruner.prune() == 1
    assert await rows(database, kept.table) == 1
    assert counted.get() == before + 1
    assert await pruner.prune() == 0


async def test_a_case_that_is_open_keeps_what_fired(own) -> None:
    database = own("sla")
    kept = next(one for one in PRUNED if one.table == "fired")
    await put(database, kept, timedelta(days=5_000))
    await database.execute("UPDATE journey SET closed_at = NULL")
    assert await Pruner(database, "sla", [kept]).prune() == 0


async def test_pruning_takes_small_steps_until_nothing_old_is_left(own) -> None:
    database = own("notifier")
    kept = next(one for one in PRUNED if one.table == "notice")
    for hour in range(35):
        await put(database, kept, timedelta(days=5_000, hours=hour))
    assert await Pruner(database, "notifier", [kept], at_once=10).prune() == 35


async def test_of_two_copies_one_prunes_and_the_other_does_not_wait(own) -> None:
    database = own("router")
    kept = next(one for one in PRUNED if one.table == "sign_in_failure")
    await put(database, kept, timedelta(days=9))
    async with database.connection() as other, other.transaction():
        await other.fetchval("SELECT pg_advisory_xact_lock(hashtext('redress.prune'), hashtext(current_schema()))")
        async with asyncio.timeout(3):
            assert await Pruner(database, "router", [kept]).prune() == 0
    assert await Pruner(database, "router", [kept]).prune() == 1


async def test_a_row_somebody_works_with_is_left_and_nobody_waits(own) -> None:
    database = own("router")
    kept = next(one for one in PRUNED if one.table == "sign_in_failure")
    await put(database, kept, timedelta(days=9))
    async with database.connection() as other, other.transaction():
        await other.fetch("SELECT * FROM sign_in_failure FOR UPDATE")
        async with asyncio.timeout(3):
            assert await Pruner(database, "router", [kept]).prune() == 0


@pytest.mark.parametrize("kept", PRUNED, ids=lambda kept: f"{kept.name}-{kept.days}")
async def test_old_rows_are_found_by_an_index(database, kept: Kept) -> None:
    connection = await asyncpg.connect(database.url_of(service_of(kept)))
    try:
        await connection.execute("SET enable_seqscan = off")
        old = kept.old.format(service="'sla'").replace("$1", "(timestamptz '2026-01-01Z')")
        plan = "\n".join(
            row[0] for row in await connection.fetch(f"EXPLAIN SELECT ctid FROM {kept.table} WHERE {old} LIMIT 1000")
        )
    finally:
        await connection.close()
    assert f"Seq Scan on {kept.table}" not in plan
    assert "Index Cond" in plan, plan


async def test_the_inbox_says_from_which_event_on_it_remembers(own) -> None:
    database = own("sla")
    kept = next(one for one in PRUNED if one.table == "inbox")
    await put(database, kept, timedelta(days=46))
    await Pruner(database, "sla", [kept]).prune()
    floor = await database.fetchval("SELECT event_id FROM inbox_floor WHERE consumer = 'sla'")
    assert floor.int >> 80 == int((NOW - timedelta(days=45)).timestamp() * 1000)
    await database.execute("UPDATE inbox_floor SET event_id = $1", later := new_id())
    await Pruner(database, "sla", [kept]).prune()
    assert await database.fetchval("SELECT event_id FROM inbox_floor") == max(floor, later, key=lambda one: one.int)


async def test_dead_letters_are_counted_by_topic_until_they_are_replayed(own) -> None:
    from shared.runtime.dead_letters import measure_open

    database = own("sla")
    kept = next(one for one in PRUNED if one.table == "dead_letter" and "failed_at" in one.old)
    for minute in range(3):
        await put(database, kept, timedelta(minutes=minute))
    await database.execute("UPDATE dead_letter SET topic = 'complaints.routing' WHERE failed_at < $1", NOW)
    await measure_open(database, "sla")

    def gauge(topic: str) -> float:
        return metrics.DEAD_OPEN.labels("sla", topic)._value.get()

    assert (gauge("complaints.intake"), gauge("complaints.routing"), gauge("complaints.notices")) == (1, 2, 0)
    await database.execute("UPDATE dead_letter SET replayed_at = clock.now()")
    await measure_open(database, "sla")
    assert (gauge("complaints.intake"), gauge("complaints.routing")) == (0, 0)
