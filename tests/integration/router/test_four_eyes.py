"""Nobody closes a case by their own word alone, however requests cross (S87)."""

from __future__ import annotations

import asyncio

from tests.integration.router.conftest import Running
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
