"""A person's key that cannot be used costs that person's complaints their words, and nobody else anything (H3)."""

from __future__ import annotations

import asyncio

import pytest

from shared.runtime.master_keys import MasterKeys
from shared.runtime.vault import Vault
from tests.integration.router.conftest import Running
from tests.integration.router.stories import Told

OTHER = b"\x07" * 32


async def test_a_complaint_whose_key_is_damaged_goes_to_triage_and_its_neighbours_as_always(running: Running) -> None:
    damaged = Told(await running.person(), "快递没到")
    sound = Told(await running.person(), "快递没到")
    running.database.execute(
        "UPDATE vault.person SET wrapped_key = set_byte(wrapped_key, 5, (get_byte(wrapped_key, 5) + 1) % 256)"
        " WHERE person_id = $1",
        damaged.person.person_id,
    )
    await running.feed(damaged.submitted, sound.submitted, damaged.amended("还没到"))
    owners = {event.complaint_id: event.department for event in await running.sent() if hasattr(event, "department")}
    assert owners[damaged.complaint_id] == "triage" and owners[sound.complaint_id] != "triage"
    assert await running.rows("SELECT 1 FROM dead_letter") == []
    (text,) = await running.rows("SELECT erased FROM case_text WHERE complaint_id = $1", damaged.complaint_id)
    assert not text["erased"]


async def test_a_case_whose_customers_key_is_damaged_can_still_be_worked(running: Running) -> None:
    told = Told(await running.person(), "快递没到")
    await running.feed(told.submitted)
    running.database.execute("UPDATE vault.person SET wrapped_key = '\\x00'")
    async with await running.as_user("li.delivery") as client:
        accepted = await client.post(f"/v1/cases/{told.reference}/accept", json={})
        assert accepted.status_code == 200, accepted.text
        answer = await client.post(f"/v1/cases/{told.reference}/progress", json={"text": "Wir suchen das Paket."})
    assert answer.status_code == 200, answer.text


async def test_a_master_key_that_is_not_loaded_makes_the_reader_wait_and_buries_nothing(running: Running) -> None:
    rotated = Vault(
        running.vault._database, MasterKeys(OTHER, [running.service.settings.master_key_file.read_bytes()[:32]])
    )
    [key] = await rotated.keys_for([None])
    told = Told(key, "快递没到")
    feeding = asyncio.create_task(running.feed(told.submitted))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(feeding), 1.5)
    assert await running.rows("SELECT 1 FROM dead_letter") == [] and await running.sent() == []
    # The copy is started anew with the new key; here its vault learns it.
    running.service.vault._masters = rotated._masters
    await asyncio.wait_for(feeding, 30)
    assert [event.kind for event in await running.sent()] == ["complaint.assigned.v1"]
