"""What the router does beside events goes on when one case is odd: search and held events of the others (A8)."""

from __future__ import annotations

from typing import Any

import pytest

from services.router import duties
from services.router.duties import Duties
from tests.integration.router.conftest import Running
from tests.integration.router.stories import Told


def made(running: Running) -> Duties:
    handler = running.service.consumer._handle.__self__  # type: ignore[union-attr]
    return Duties(running.service.database, running.service.transaction, handler)


async def test_words_that_cannot_be_indexed_keep_only_their_own_case_out_of_the_search(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, sound = Told(await running.person(), "奇怪"), Told(await running.person(), "快递没到")
    await running.feed(odd.submitted, sound.submitted)
    await running.feed(odd.amended("更奇怪"), sound.amended("还没到"))
    vector_of = duties.vector_of

    def odd_one(title: str, body: str) -> str:
        return "'broken" if "奇怪" in body else vector_of(title, body)

    monkeypatch.setattr(duties, "vector_of", odd_one)
    await running.index()
    rows = {
        row["complaint_id"]: row["search"] for row in await running.rows("SELECT complaint_id, search FROM case_text")
    }
    assert rows[odd.complaint_id] == "" and rows[sound.complaint_id]


async def held(running: Running, told: Told) -> None:
    """A complaint whose held event another copy of the router did not see."""
    await running.feed(told.started())
    rows = await running.rows("DELETE FROM early_event RETURNING *")
    await running.feed(told.submitted)
    for row in rows:
        await running.service.database.execute(
            "INSERT INTO early_event SELECT * FROM jsonb_populate_record(NULL::early_event, $1)",
            {name: str(value) for name, value in row.items()},
        )


async def waiting(running: Running) -> list[Any]:
    return [row["complaint_id"] for row in await running.rows("SELECT complaint_id FROM early_event")]


@pytest.mark.parametrize("damage", ["type = 'complaint.novel.v9'", "payload = '{\"odd\": 1}'", "payload = 'no json'"])
async def test_a_held_event_that_cannot_be_read_stays_and_the_others_are_applied(running: Running, damage: str) -> None:
    odd, sound = Told(await running.person()), Told(await running.person())
    await held(running, odd)
    await held(running, sound)
    await running.service.database.execute(f"UPDATE early_event SET {damage} WHERE complaint_id = $1", odd.complaint_id)
    await made(running).catch_up()
    assert await waiting(running) == [odd.complaint_id]


async def test_a_held_event_that_cannot_be_read_does_not_bury_its_complaint(running: Running) -> None:
    told = Told(await running.person())
    await running.feed(told.started())
    await running.service.database.execute("UPDATE early_event SET type = 'complaint.novel.v9'")
    await running.feed(told.submitted)
    assert [event.kind for event in await running.sent(told.complaint_id)] == ["complaint.assigned.v1"]
    assert await running.rows("SELECT 1 FROM dead_letter") == []


async def test_a_held_event_that_cannot_be_applied_waits_and_the_others_are_applied(running: Running) -> None:
    odd, sound = Told(await running.person()), Told(await running.person())
    await held(running, odd)
    await held(running, sound)
    running.database.execute(
        "CREATE FUNCTION router.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$"
    )
    running.database.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON router.cases FOR EACH ROW"
        f" WHEN (NEW.complaint_id = '{odd.complaint_id}') EXECUTE FUNCTION router.refuse()"
    )
    try:
        duty = made(running)
        await duty.catch_up()
        assert await waiting(running) == [odd.complaint_id]
        assert duty._aside.waits(odd.complaint_id)
    finally:
        running.database.execute("DROP FUNCTION router.refuse() CASCADE")
