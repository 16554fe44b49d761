"""One complaint that this copy cannot read or work out waits alone, and says so; the clocks of all others fire (A8)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.integration.sla.conftest import Running, after, told
from tests.integration.sla.test_ticker import assigned, levels

UNREADABLE = {
    "an assignment without a key that this copy needs": "facts = (facts::jsonb #- '{0,assignment,channel}')::json",
    "a kind of fact that this copy does not know": "facts = jsonb_set(facts::jsonb, '{0,kind}', '\"merged\"')::json",
    "a date that is none": "facts = jsonb_set(facts::jsonb, '{0,at}', '\"soon\"')::json",
    "facts that are no list": "facts = '{\"later\": 1}'::json",
    "facts that would pass for none": "facts = '{}'::json",
    "clocks of another shape": 'clocks = \'[{"sort": "journey"}]\'::json',
    "levels of another shape": "fired = '[\"journey\"]'::json",
    "rules that are gone": "rules_version = 'gone'",
    "a received date that lies before all calendars": (
        "facts = jsonb_set(facts::jsonb, '{0,assignment,received_at}', '\"1600-01-01T00:00:00+00:00\"')::json"
    ),
}


@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_row_that_cannot_be_read_waits_alone_and_says_so(running: Running, damage: str) -> None:
    broken, sound = await assigned(running, 2)
    running.database.execute(f"UPDATE sla.journey SET {damage} WHERE complaint_id = $1", broken.complaint_id)
    before = REGISTRY.get_sample_value("redress_sla_fire_failed_total") or 0
    assert await running.tick(after(hours=2)) == 1
    assert levels(await running.sent(sound.complaint_id)) == [("first_response", "warn_50")]
    assert REGISTRY.get_sample_value("redress_sla_fire_failed_total") == before + 1
    (row,) = await aside(running)
    assert row["complaint_id"] == broken.complaint_id and row["set_aside_why"]
    assert row["next_at"] == after(hours=2, seconds=15)


async def test_rules_that_a_newer_copy_kept_stop_only_what_they_mean_anew(running: Running) -> None:
    """A field this copy does not know is passed over; one it needs and does not find makes its complaints wait."""
    first, second = told(), told()
    await running.feed(first.assigned(first.received_at), second.assigned(second.received_at))
    body: Any = (await running.rows("SELECT body FROM rules"))[0]["body"]
    body["sla"]["policies"][0]["clocks"]["call_back"] = "2wh"
    body["sla"]["grace"] = "1d"
    body["departments"][0]["motto"] = {"zh": "快", "en": "fast"}
    keep(running, "newer", body)
    del body["sla"]["policies"]
    keep(running, "broken", body)
    refer(running, "newer", first)
    refer(running, "broken", second)
    assert await running.tick(after(hours=2)) == 1
    assert levels(await running.sent(first.complaint_id)) == [("first_response", "warn_50")]
    (row,) = await aside(running)
    assert row["complaint_id"] == second.complaint_id and "retail@broken" in row["set_aside_why"]


async def test_what_a_newer_copy_wrote_of_a_fact_is_written_back(running: Running) -> None:
    (story,) = await assigned(running)
    running.database.execute(
        "UPDATE sla.journey SET facts = jsonb_set(jsonb_set(facts::jsonb, '{0,assignment,skill}', '\"refunds\"'),"
        " '{0,mood}', '\"cross\"') WHERE complaint_id = $1",
        story.complaint_id,
    )
    assert await running.tick(after(hours=2)) == 1
    await running.feed(story.progress(after(hours=2)))
    (row,) = await running.rows("SELECT facts FROM journey")
    assert row["facts"][0]["assignment"]["skill"] == "refunds" and row["facts"][0]["mood"] == "cross"


async def test_a_batch_that_the_database_refuses_is_worked_off_one_by_one(running: Running) -> None:
    broken, *_ = await assigned(running, 5)
    running.database.execute(
        "CREATE FUNCTION sla.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$"
    )
    running.database.execute(
        f"CREATE TRIGGER refuse BEFORE INSERT ON sla.fired FOR EACH ROW"
        f" WHEN (NEW.complaint_id = '{broken.complaint_id}') EXECUTE FUNCTION sla.refuse()"
    )
    assert await running.tick(after(hours=2)) == 4
    (row,) = await aside(running)
    assert (row["complaint_id"], row["set_aside_why"]) == (broken.complaint_id, "CheckViolationError (23514)")


async def test_the_pause_grows_and_ends_when_the_row_is_mended(running: Running) -> None:
    await assigned(running)
    facts: Any = (await running.rows("SELECT facts FROM journey"))[0]["facts"]
    running.database.execute("UPDATE sla.journey SET facts = '{}'::json")
    pauses = []
    at = after(hours=2)
    for _ in range(12):
        await running.tick(at)
        (row,) = await aside(running)
        pauses.append(row["next_at"] - at)
        at = row["next_at"]
    assert pauses == sorted(pauses) and pauses[0] == timedelta(seconds=15) and pauses[-1] == timedelta(hours=1)
    await running.ticker()._measure(at, None)
    assert REGISTRY.get_sample_value("redress_sla_set_aside") == 1
    assert REGISTRY.get_sample_value("redress_sla_overdue_unfired") == 1
    running.database.execute("UPDATE sla.journey SET facts = $1::json", json.dumps(facts))
    assert await running.tick(at) > 0
    assert await aside(running) == []


async def aside(running: Running) -> list[dict[str, Any]]:
    return await running.rows(
        "SELECT complaint_id, next_at, set_aside_why FROM journey WHERE set_aside_since IS NOT NULL"
    )


def keep(running: Running, version: str, body: Any) -> None:
    running.database.execute(
        "INSERT INTO sla.rules (pack, version, body) VALUES ('retail', $1, $2::jsonb)", version, json.dumps(body)
    )


def refer(running: Running, version: str, story: Any) -> None:
    running.database.execute(
        "UPDATE sla.journey SET rules_version = $2 WHERE complaint_id = $1", story.complaint_id, version
    )
