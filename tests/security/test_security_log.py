"""The security log as a process writes it: together, later, and not twice for the same look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.rights import Person, Role
from shared.runtime.pg import Database
from shared.runtime.security_log import SEEN_AGAIN_SECONDS, Kind, SecurityLog
from tests.support.stack import Database as OneDatabase
from tests.support.stack import DatabaseFactory

LI = Person(user="li", role=Role.HANDLER, department="delivery", pack="retail")


@pytest.fixture
async def database(fresh_database: DatabaseFactory) -> AsyncIterator[tuple[OneDatabase, Database]]:
    made = fresh_database("sla")
    pool = Database(made.url_of("sla"), name="test-log", size=2)
    yield made, pool
    await pool.close()


async def test_lines_are_written_together_and_in_order_and_name_their_writer(
    database: tuple[OneDatabase, Database],
) -> None:
    made, pool = database
    log = SecurityLog(pool)
    for number in range(1_200):
        log.note_of(Kind.EXPORTED, LI, what="board", number=number)
    await log.flush()
    rows = made.fetch("SELECT * FROM security.entry ORDER BY id")
    assert [row["id"] for row in rows] == list(range(1, 1_201))
    assert {(row["writer"], row["actor"], row["role"], row["pack"]) for row in rows} == {
        ("redress_sla", "li", "handler", "retail")
    }
    assert made.fetch("SELECT security.broken()") == []


async def test_whoever_sees_a_case_again_within_ten_minutes_leaves_one_line(
    database: tuple[OneDatabase, Database],
) -> None:
    made, pool = database
    now = [0.0]
    log = SecurityLog(pool, clock=lambda: now[0])
    for moment in (0.0, 1.0, SEEN_AGAIN_SECONDS - 1, SEEN_AGAIN_SECONDS, SEEN_AGAIN_SECONDS + 5):
        now[0] = moment
        log.viewed(LI, "R-4K7M-2XA9", "clocks")
    log.viewed(LI, "R-2222-2222", "clocks")
    await log.flush()
    rows = made.fetch("SELECT reference FROM security.entry ORDER BY id")
    assert [row["reference"] for row in rows] == ["R-4K7M-2XA9", "R-4K7M-2XA9", "R-2222-2222"]


async def test_lines_wait_while_the_database_is_away_and_are_written_at_the_end(
    database: tuple[OneDatabase, Database],
) -> None:
    made, _ = database
    away = Database("postgresql://nobody@127.0.0.1:1/none", name="away", size=1)
    log, stop = SecurityLog(away), asyncio.Event()
    log.note_of(Kind.REFUSED, LI, what="GET /desk")
    with pytest.raises(OSError):
        await log.flush()
    log._database = Database(made.url_of("sla"), name="back", size=1)
    stop.set()
    await log.run(stop)
    await log._database.close()
    assert [row["kind"] for row in made.fetch("SELECT kind FROM security.entry")] == ["refused"]


async def test_many_writers_make_one_chain(database: tuple[OneDatabase, Database]) -> None:
    made, pool = database
    logs = [SecurityLog(pool) for _ in range(5)]
    for log in logs:
        for _ in range(20):
            log.note(Kind.SIGNED_IN, "li")
    await asyncio.gather(*(log.flush() for log in logs))
    assert made.fetch("SELECT count(*) AS n FROM security.entry")[0]["n"] == 100
    assert made.fetch("SELECT security.broken()") == []
