"""Time partitions are renewed by a role without DDL: made ahead, dropped by age, for times and for UUIDv7 (H11, B1)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from shared.events.ids import new_id
from shared.runtime.partitions import renew_partitions
from shared.runtime.pg import Database

DAY = timedelta(days=1)


@pytest.fixture
async def tables(fresh_database):
    made = fresh_database("router")
    made.execute(
        """CREATE TABLE router.seen_at (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at);
        CREATE TABLE router.seen_at_default PARTITION OF router.seen_at DEFAULT WITH (fillfactor = 70);
        CREATE TABLE router.seen_id (consumer text, event_id uuid, PRIMARY KEY (consumer, event_id)) PARTITION BY RANGE (event_id);
        CREATE TABLE router.seen_id_default PARTITION OF router.seen_id DEFAULT;
        GRANT SELECT, INSERT, DELETE ON router.seen_at, router.seen_id TO redress_router;"""
    )
    return made


@pytest.fixture
async def router(tables):
    own = Database(tables.url_of("router"), name="test")
    yield own
    await own.close()


def _parts(tables, parent):
    rows = tables.fetch(
        "SELECT c.relname, c.reloptions FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::regclass ORDER BY 1",
        f"router.{parent}",
    )
    return {row["relname"]: row["reloptions"] for row in rows}


def _old(days):
    moment = int((datetime.now(UTC) - days * DAY).timestamp() * 1000)
    return UUID(int=(moment << 80) | (7 << 76) | (2 << 62) | days)


@pytest.mark.parametrize("table", ["seen_at", "seen_id"])
async def test_partitions_are_made_ahead_once_and_dropped_by_age(tables, router, table):
    now = datetime.now(UTC)
    assert await renew_partitions(router, table, span=DAY, before=now - 7 * DAY) == (4, 0)
    assert await renew_partitions(router, table, span=DAY, before=now - 7 * DAY) == (0, 0)
    assert len(_parts(tables, table)) == 5
    assert await renew_partitions(router, table, span=DAY, before=now + 2 * DAY, ahead=0) == (0, 2)


async def test_rows_find_their_partition_and_the_default_one_is_emptied_by_age(tables, router):
    young = _old(2)
    await router.execute("INSERT INTO seen_id VALUES ('a', $1)", _old(9))
    await router.execute("INSERT INTO seen_id VALUES ('a', $1)", young)
    await renew_partitions(router, "seen_id", span=DAY, before=datetime.now(UTC) - 7 * DAY)
    await router.execute("INSERT INTO seen_id VALUES ('a', $1)", new_id())
    rows = await router.fetch("SELECT tableoid::regclass::text AS part, event_id FROM seen_id ORDER BY event_id")
    assert rows[0]["event_id"] == young, "nine days old, and gone"
    assert ["default" in row["part"] for row in rows] == [True, False]


async def test_what_lies_in_the_default_partition_stops_no_other(tables, router):
    await router.execute("INSERT INTO seen_at VALUES (1, clock_timestamp())")
    assert await renew_partitions(router, "seen_at", span=DAY, before=datetime.now(UTC) - DAY) == (3, 0)
    assert _parts(tables, "seen_at").popitem()[1] == ["fillfactor=70"]


async def test_another_span_later_on_is_no_error(tables, router):
    now = datetime.now(UTC)
    await renew_partitions(router, "seen_at", span=DAY, before=now - DAY)
    made, _ = await renew_partitions(router, "seen_at", span=2 * DAY, before=now - DAY)
    assert made >= 1
    assert await renew_partitions(router, "seen_at", span=2 * DAY, before=now - DAY) == (0, 0)


@pytest.mark.parametrize("table", ["inbox_of_nobody", "dead_letter", "seen_at; DROP TABLE inbox"])
async def test_no_other_table_is_touched(router, table):
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await renew_partitions(router, table, span=DAY, before=datetime.now(UTC))


async def test_only_the_service_may_ask_for_it(tables):
    connection = await asyncpg.connect(tables.url_of("auditor"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM router.renew_partitions('seen_at', '1 day', now(), 3)")
    finally:
        await connection.close()
