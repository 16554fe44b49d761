"""Deadlines fire once, in time, by the database's clock, and never on what stands still (I7, I8)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.sla import store
from tests.integration.sla.conftest import Running, after, told, until
from tests.unit.sla.story import Story


class Killed(BaseException):
    """Stands for SIGKILL at a crash point: nothing after it runs."""


def levels(events: list[Any]) -> list[tuple[str, str]]:
    return [(event.clock, event.level) for event in events if hasattr(event, "level")]


async def fired(running: Running) -> bool:
    return bool(levels(await running.sent()))


async def assigned(running: Running, count: int = 1) -> list[Story]:
    stories = [told() for _ in range(count)]
    await running.feed(*(story.assigned(story.received_at) for story in stories))
    return stories


async def test_nothing_fires_before_its_time_and_then_at_once(running: Running) -> None:
    await assigned(running)
    assert await running.tick(after(hours=2, microseconds=-1)) == 0
    assert await running.tick(after(hours=2)) == 1
    fired = (await running.sent())[-1]
    assert (fired.clock, fired.level, fired.due_at, fired.fired_at) == (
        "first_response", "warn_50", after(hours=2), after(hours=2),
    )  # fmt: skip
    assert fired.cause.kind == "timer"
    assert fired.cause.id == "first_response|warn_50|1"


async def test_a_host_whose_clock_is_wrong_changes_nothing(running: Running) -> None:
    """Row 40: only `clock.now()` decides; the test host lives in another year altogether."""
    await assigned(running)
    assert await running.tick() == 0


async def test_each_level_fires_once_however_many_tickers_run(running: Running) -> None:
    await assigned(running, 120)
    running.travel(after(days=30))
    tickers = [running.ticker(batch=7) for _ in range(4)]

    async def drain(ticker: Any) -> int:
        count = 0
        for _ in range(60):
            count += await ticker.tick()
        return count

    counts = await asyncio.gather(*(drain(ticker) for ticker in tickers))
    assert sum(1 for count in counts if count) > 1
    sent = [event for event in await running.sent() if hasattr(event, "level")]
    keys = [(event.complaint_id, event.clock, event.clock_epoch, event.level) for event in sent]
    assert len(keys) == len(set(keys)) == sum(counts)
    (waiting,) = await running.rows("SELECT count(*) AS n FROM timer WHERE due_at <= clock.now()")
    assert waiting["n"] == 0
    (lines,) = await running.rows("SELECT count(*) FILTER (WHERE event_id IS NOT NULL) AS n FROM fired")
    assert lines["n"] == len(keys)


async def test_what_was_overdue_during_an_outage_fires_once_and_says_so(running: Running) -> None:
    """Row 27."""
    await assigned(running)
    assert await running.tick(after(days=30)) > 0
    fired = [event for event in await running.sent() if hasattr(event, "level")]
    assert all(event.late for event in fired)
    assert ("journey", "breach") in levels(fired)
    assert ("journey", "warn_80") not in levels(fired)
    (quiet,) = await running.rows(
        "SELECT late FROM fired WHERE clock = 'journey' AND level = 'warn_80' AND event_id IS NULL"
    )
    assert quiet["late"]
    assert await running.tick(after(days=30, minutes=5)) == 0


async def test_a_clock_set_back_on_the_database_host_fires_nothing_twice(running: Running) -> None:
    """Row 41."""
    await assigned(running)
    assert await running.tick(after(hours=2)) == 1
    assert await running.tick(after(hours=1)) == 0
    assert await running.tick(after(hours=2, minutes=1)) == 0


async def test_a_crash_before_the_commit_fires_nothing_and_the_next_tick_fires_once(running: Running) -> None:
    """Row 7."""
    await assigned(running)
    running.travel(after(hours=2))

    def reached(point: str) -> None:
        if point == "CP.sla.fired_before_commit":
            raise Killed

    with pytest.raises(Killed):
        await running.ticker(reached=reached).tick()
    assert await running.rows("SELECT 1 FROM fired") == []
    assert levels(await running.sent()) == []
    assert await running.tick() == 1
    assert levels(await running.sent()) == [("first_response", "warn_50")]


async def test_a_crash_after_the_commit_leaves_the_event_to_the_relay(running: Running) -> None:
    """Row 8."""
    await assigned(running)
    running.travel(after(hours=2))

    def reached(point: str) -> None:
        if point == "CP.sla.committed_before_relay":
            raise Killed

    with pytest.raises(Killed):
        await running.ticker(reached=reached).tick()
    assert levels(await running.sent()) == [("first_response", "warn_50")]
    assert await running.tick() == 0


async def test_paused_clocks_do_not_fire(running: Running) -> None:
    (story,) = await assigned(running)
    await running.feed(story.asked(after(hours=1)), story.told(after(hours=1, minutes=1)))
    await running.tick(after(days=60))
    assert {clock for clock, _ in levels(await running.sent())} == {"answer"}


async def test_closed_complaints_do_not_fire(running: Running) -> None:
    (story,) = await assigned(running)
    await running.feed(story.closed(after(hours=1)))
    assert await running.tick(after(days=60)) == 0
    assert await running.rows("SELECT 1 FROM timer") == []


async def test_closing_and_firing_race_on_the_rows_lock(running: Running) -> None:
    """I8: whoever comes second sees what the first one did."""
    stories = await assigned(running, 40)
    running.travel(after(hours=2))
    closing = running.feed(*(story.closed(after(hours=1)) for story in stories))
    await asyncio.gather(closing, running.ticker(batch=5).tick(), running.ticker(batch=5).tick())
    await running.tick()
    rows = await running.rows(
        "SELECT 1 FROM fired JOIN journey USING (complaint_id) WHERE fired_at > closed_seen_at OR closed_at IS NULL"
    )
    assert rows == []
    for story in stories:
        kinds = [event.kind for event in await running.sent(story.complaint_id)]
        assert "clock.stopped.v1" in kinds
        assert kinds[kinds.index("clock.stopped.v1") :] == ["clock.stopped.v1"]


async def test_a_held_row_is_left_to_its_holder_and_nothing_waits(running: Running) -> None:
    """Row 14: another ticker that was stopped while it held a row delays that row alone."""
    first, _ = await assigned(running, 2)
    running.travel(after(hours=2))
    async with running.service.transaction() as tx:
        await tx.fetch(store.QUERIES.load, [first.complaint_id])
        assert await running.ticker().tick() == 1
    assert await running.tick() == 1


async def test_a_delay_notice_is_a_promise_with_a_clock_of_its_own(running: Running) -> None:
    (story,) = await assigned(running)
    await running.tick(after(days=9, hours=2))
    delay = next(event for event in await running.sent() if getattr(event, "level", "") == "delay")
    assert delay.new_due_at > delay.deadline_at
    promise = (await running.clocks(story))["promise"]
    assert (promise["state"], promise["due_at"]) == ("running", delay.new_due_at)
    await running.tick(delay.new_due_at)
    assert ("promise", "breach") in levels(await running.sent())


async def test_one_complaint_that_cannot_be_worked_out_does_not_hold_up_the_others(running: Running) -> None:
    broken, _ = await assigned(running, 2)
    running.database.execute(
        "UPDATE sla.journey SET facts = jsonb_set(facts::jsonb, '{0,assignment,received_at}', '\"1600-01-01T00:00:00+00:00\"') "
        "WHERE complaint_id = $1",
        broken.complaint_id,
    )
    before = REGISTRY.get_sample_value("redress_sla_fire_failed_total") or 0
    assert await running.tick(after(hours=2)) == 1
    assert REGISTRY.get_sample_value("redress_sla_fire_failed_total") == before + 1


async def test_the_ticker_runs_until_told_to_stop_and_measures_what_is_overdue(running: Running) -> None:
    await assigned(running)
    running.travel(after(hours=3))
    stop = asyncio.Event()
    ticker = running.ticker()
    task = asyncio.create_task(ticker.run(stop))
    await until(lambda: fired(running))
    stop.set()
    await asyncio.wait_for(task, 5)
    assert REGISTRY.get_sample_value("redress_sla_overdue_unfired") == 1


async def test_finding_what_is_due_costs_the_same_with_many_open(running: Running) -> None:
    """Due rows and the next moment come from the partial index, whatever else is open."""
    (story,) = await assigned(running)
    running.database.execute(
        """
        INSERT INTO sla.journey (complaint_id, reference, phase, facts, clocks, fired, version, department, next_at, soon_at,
                                 due_at)
        SELECT gen_random_uuid(), 'X-' || n, 'handling', '[]', '[]', '[]', 1, 'delivery',
               timestamptz '2027-01-01' + n * interval '1 minute', timestamptz '2027-01-01', timestamptz '2027-01-02'
        FROM generate_series(1, 100000) AS n
        """
    )
    running.database.execute("ANALYZE sla.journey")
    now = after(hours=2)
    for query, arguments, index in (
        (store.QUERIES.claim, (now, 500), "journey_next"),
        (store.QUERIES.next_moment, (), "journey_next"),
        (store.QUERIES.overdue, (now - timedelta(minutes=1),), "journey_next"),
        (store.QUERIES.board, (["delivery", "billing"], now, 200, None, None), "journey_soon"),
        (store.QUERIES.find_case, (story.reference,), "journey_reference"),
    ):
        plan = await explain(running, query, *arguments)
        assert index in plan["text"], plan["text"]
        assert plan["rows"] < 50, plan["text"]


async def explain(running: Running, query: str, *arguments: Any) -> dict[str, Any]:
    async with running.service.database.connection() as connection, connection.transaction():
        (plan,) = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *arguments)
    touched = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return {"text": str(plan), "rows": touched}
