"""Nobody closes a case by their own word alone, however requests cross (S87), nor decides alone again and again (C15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.router.store.staff import Staff
from shared.runtime.directory import Member
from tests.integration.router.conftest import PASSWORD, Running
from tests.integration.router.stories import Told
from tests.integration.router.test_api import do, filed, see
from tests.support.probe import until

LINE = """
INSERT INTO case_event (complaint_id, event_id, at, what, who, department, epoch)
VALUES ($1, gen_random_uuid(), clock.now(), 'resolution_proposed', 'staff:li.delivery', 'delivery', 1)
"""


async def test_a_confirmation_that_waited_while_its_author_proposed_is_refused(running: Running) -> None:
    told = await filed(running, email=None)
    await do(running, "li.delivery", told, "accept")
    async with await running.as_user("li.delivery") as client:
        async with running.service.transaction() as proposing:
            await proposing.fetch("SELECT FROM cases WHERE complaint_id = $1 FOR UPDATE", told.complaint_id)
            url = f"/v1/cases/{told.reference}/record/confirmation"
            sent = asyncio.create_task(client.post(url, json={"note": "回访"}))
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
            await until(lambda: running.service.database.fetchval(waits))
            await proposing.execute(
                "UPDATE cases SET state = 'resolution_proposed' WHERE complaint_id = $1", told.complaint_id
            )
            await proposing.execute(LINE, told.complaint_id)
        answer = await sent
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:redress:problem:own-resolution")
    assert (await see(running, "li.delivery", told))["state"] == "resolution_proposed"
    await do(running, "lead.delivery", told, "record/confirmation", note="回访")
    assert (await see(running, "li.delivery", told))["state"] == "closed"


async def contested_twice(running: Running) -> Told:
    """A case of the complaints office at stage 3: what delivery proposed was not accepted, nor what Chen did."""
    told = await filed(running)
    for user in ("li.delivery", "chen.office"):
        await do(running, user, told, "accept")
        await do(running, user, told, "resolve", text="已送达")
        await running.feed(told.disputed())
    return told


@pytest.fixture
async def colleague(running: Running) -> AsyncIterator[Staff]:
    staff = Staff(running.service.database)
    await staff.save([(Member(user="wu.office", name="吴", role="office", department="complaints-office"), PASSWORD)])
    running.service.sessions.directory.changed()
    yield staff
    await staff.disable("wu.office")


async def test_who_proposed_what_was_not_accepted_leaves_the_next_to_a_colleague(
    running: Running, colleague: Staff
) -> None:
    told = await contested_twice(running)
    seen = await do(running, "chen.office", told, "accept")
    assert (seen["stage"], seen["department"]) == (3, "complaints-office")
    assert "resolve" not in seen["actions"] and "progress" in seen["actions"]
    own = await do(running, "chen.office", told, "resolve", text="同上", expect=403)
    assert own["type"] == "urn:redress:problem:resolution-disputed" and "同事" in own["detail"]
    async with await running.as_user("chen.office", accept="text/html") as client:
        page = await client.get(f"/desk/cases/{told.reference}?lang=en")
        assert "proposes the next one" in page.text and 'id="form-resolve"' not in page.text
        sent = {"resolve_text": "The very same again", "mark": "", "key": str(uuid4())}
        kept = await client.post(f"/desk/cases/{told.reference}/resolve?lang=en", data=sent)
        assert kept.status_code == 403 and "The very same again" in kept.text
        assert "not yours to propose" in kept.text
    done = await do(running, "wu.office", told, "resolve", text="全额退款")
    assert (done["state"], done["attention"]) == ("resolution_proposed", False)


async def test_where_nobody_else_is_there_the_same_person_may_and_the_story_says_so(
    running: Running, colleague: Staff
) -> None:
    told = await contested_twice(running)
    await do(running, "chen.office", told, "accept")
    await do(running, "chen.office", told, "resolve", text="同上", expect=403)
    await colleague.disable("wu.office")
    running.service.sessions.directory.changed()
    async with await running.as_user("chen.office", accept="text/html") as client:
        page = await client.get(f"/desk/cases/{told.reference}?lang=en")
        assert "Nobody else of your department is there" in page.text and 'id="form-resolve"' in page.text
    done = await do(running, "chen.office", told, "resolve", text="同上")
    assert (done["state"], done["attention"]) == ("resolution_proposed", True)
    assert done["history"][-1]["detail"]["again"] is True
    async with await running.as_user("chen.office", accept="text/html") as client:
        page = await client.get(f"/desk/cases/{told.reference}?lang=en")
        assert "as nobody else is there" in page.text


async def test_the_form_of_the_last_word_offers_whom_the_office_may_name(running: Running) -> None:
    told = await contested_twice(running)
    async with await running.as_user("chen.office", accept="text/html") as client:
        page = (await client.get(f"/desk/cases/{told.reference}?lang=en")).text
    assign, transfer = (
        page.split(f'id="{name}"')[1].split("</select>")[0] for name in ("assign_department", "transfer_to")
    )
    assert 'value="delivery"' in assign and 'value="delivery"' not in transfer
    given = await do(running, "chen.office", told, "assign", department="delivery", reason="x")
    assert given["department"] == "delivery"
