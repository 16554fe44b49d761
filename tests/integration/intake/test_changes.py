"""Amending, withdrawing and asking after a complaint; what intake hears from the router."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.handlers import handle
from shared.events.envelope import Bilingual, Cause
from shared.events.ids import new_id
from shared.events.intake import ComplaintAmended, ComplaintWithdrawn
from shared.events.routing import ComplaintAssigned, ComplaintClosed
from shared.runtime.consumer import Batch
from shared.runtime.web.sessions import Staff
from tests.integration.intake.conftest import BODY, Running


@pytest.fixture
async def filed(intake: Running) -> dict[str, Any]:
    return (await intake.post()).json()


def outbox(intake: Running) -> list[Any]:
    return intake.rows("SELECT * FROM intake.outbox ORDER BY id")


def staff_headers(intake: Running, role: str = "agent") -> dict[str, str]:
    staff = Staff(user="lin", name="林", role=role, department="customer-service")  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {intake.service.sessions.issue(staff)}"}


async def test_an_amendment_is_kept_and_said_once_per_key(intake: Running, filed: dict[str, Any]):
    path, key = f"/v1/complaints/{filed['complaint_id']}/amend", str(uuid4())
    first = await intake.call("POST", path, key=key, json={"text": "补充：箱子也破了"})
    again = await intake.call("POST", path, key=key, json={"text": "补充：箱子也破了"})
    other = await intake.call("POST", path, key=key, json={"text": "别的"})
    assert first.status_code == 200, first.text
    assert first.json()["state"] == "submitted" and first.json()["reference"] == filed["reference"]
    assert again.content == first.content and other.status_code == 422
    (_, out) = outbox(intake)
    event = ComplaintAmended.model_validate_json(out["payload"])
    assert (str(event.complaint_id), event.version) == (filed["complaint_id"], 2)
    person = (await intake.service.vault.keys_of([event.person_id]))[event.person_id]
    assert person.open(event.complaint_id, "text", event.text) == "补充：箱子也破了"
    assert [(r["version"], r["body"], r["actor"]) for r in intake.rows("SELECT * FROM intake.addition")] == [
        (2, "补充：箱子也破了", "client:web")
    ]


async def test_a_withdrawn_complaint_cannot_be_withdrawn_or_amended(intake: Running, filed: dict[str, Any]):
    base = f"/v1/complaints/{filed['complaint_id']}"
    done = await intake.call("POST", f"{base}/withdraw", key=str(uuid4()), json={"reason": "已收到"})
    assert (done.status_code, done.json()["state"]) == (200, "withdrawn")
    assert isinstance(ComplaintWithdrawn.model_validate_json(outbox(intake)[1]["payload"]).reason, str)
    for path, body in ((f"{base}/withdraw", {}), (f"{base}/amend", {"text": "x"})):
        answer = await intake.call("POST", path, key=str(uuid4()), json=body)
        assert answer.status_code == 409 and answer.json()["type"].endswith("wrong-state")
    assert len(outbox(intake)) == 2


async def test_a_withdrawal_needs_no_body(intake: Running, filed: dict[str, Any]):
    answer = await intake.call("POST", f"/v1/complaints/{filed['complaint_id']}/withdraw", key=str(uuid4()))
    assert answer.status_code == 200


async def test_many_amendments_at_once_are_numbered_without_gaps(intake: Running, filed: dict[str, Any]):
    path = f"/v1/complaints/{filed['complaint_id']}/amend"
    answers = await asyncio.gather(
        *(intake.call("POST", path, key=str(uuid4()), json={"text": f"补充{n}"}) for n in range(20))
    )
    assert {a.status_code for a in answers} == {200}
    versions = [ComplaintAmended.model_validate_json(o["payload"]).version for o in outbox(intake)[1:]]
    assert versions == list(range(2, 22))


async def test_one_key_cannot_serve_a_complaint_and_an_amendment(intake: Running):
    key = str(uuid4())
    filed = (await intake.post(key=key)).json()
    answer = await intake.call("POST", f"/v1/complaints/{filed['complaint_id']}/amend", key=key, json={"text": "x"})
    assert answer.status_code == 422 and answer.json()["type"].endswith("idempotency-key-reused")


async def test_another_client_sees_and_changes_nothing(intake: Running, filed: dict[str, Any]):
    base = f"/v1/complaints/{filed['complaint_id']}"
    answers = [
        await intake.call("GET", base, channel="phone"),
        await intake.call("POST", f"{base}/amend", channel="phone", key=str(uuid4()), json={"text": "x"}),
        await intake.call("POST", f"{base}/withdraw", channel="phone", key=str(uuid4()), json={}),
        await intake.call("GET", f"/v1/complaints/{uuid4()}"),
        await intake.call("GET", "/v1/complaints/nonsense"),
    ]
    assert [a.status_code for a in answers] == [404] * 5
    assert len({a.json()["detail"] for a in answers}) == 1
    assert len(outbox(intake)) == 1


async def test_staff_of_the_call_desk_amend_any_complaint_and_handlers_do_not(intake: Running, filed: dict[str, Any]):
    path = f"/v1/complaints/{filed['complaint_id']}/amend"
    agent = await intake.call("POST", path, key=str(uuid4()), json={"text": "x"}, headers=staff_headers(intake))
    assert agent.status_code == 200, agent.text
    assert ComplaintAmended.model_validate_json(outbox(intake)[1]["payload"]).cause.actor == "staff:lin"
    handler = await intake.call(
        "POST", path, key=str(uuid4()), json={"text": "x"}, headers=staff_headers(intake, "handler")
    )
    assert handler.status_code == 403


async def test_an_erased_person_can_be_added_to_no_more(intake: Running, filed: dict[str, Any]):
    intake.rows("SELECT vault.shred(ARRAY(SELECT person_id FROM intake.complaint))")
    path = f"/v1/complaints/{filed['complaint_id']}/amend"
    assert (await intake.call("POST", path, key=str(uuid4()), json={"text": "x"})).status_code == 404


def assigned(complaint_id: str, version: int = 1, department: str = "delivery") -> ComplaintAssigned:
    return ComplaintAssigned(**_case(complaint_id, version, department), how="policy", rule="r", policy_version="1",
                             why=Bilingual(zh="因", en="why"), priority="normal", channel="web",
                             received_at=datetime.now(UTC))  # fmt: skip


def closed(complaint_id: str, version: int) -> ComplaintClosed:
    return ComplaintClosed(**_case(complaint_id, version, "delivery"), how="confirmed")


def _case(complaint_id: str, version: int, department: str) -> dict[str, Any]:
    return {
        "event_id": new_id(), "complaint_id": UUID(complaint_id), "reference": "R-4K7M-2XA9",
        "occurred_at": datetime.now(UTC), "version": version, "cause": Cause(kind="event", id="x", actor="policy"),
        "department": department, "epoch": 1, "pack": "retail", "language": "zh", "person_id": uuid4(),
    }  # fmt: skip


async def hear(intake: Running, *events: Any) -> None:
    async with intake.service.transaction() as tx:
        await handle(Batch(tuple(events)), tx)


async def test_status_follows_what_the_router_says(intake: Running, filed: dict[str, Any]):
    path = f"/v1/complaints/{filed['complaint_id']}"
    assert (await intake.call("GET", path)).json()["state"] == "submitted"
    await hear(intake, assigned(filed["complaint_id"]), assigned(str(uuid4())))
    told = (await intake.call("GET", path)).json()
    assert (told["state"], told["department"], told["reference"]) == ("assigned", "delivery", filed["reference"])
    await hear(intake, assigned(filed["complaint_id"], 2, "billing"), closed(filed["complaint_id"], 3))
    await hear(intake, assigned(filed["complaint_id"], 2, "billing"))
    assert (await intake.call("GET", path)).json()["state"] == "closed"
    amend = await intake.call("POST", f"{path}/amend", key=str(uuid4()), json={"text": "x"})
    assert amend.status_code == 409


async def test_news_and_a_withdrawal_that_cross_end_up_the_same_in_either_order(intake: Running):
    early, late = [(await intake.post()).json()["complaint_id"] for _ in range(2)]
    paths = [f"/v1/complaints/{c}" for c in (early, late)]
    await hear(intake, assigned(late))
    for path in paths:
        assert (await intake.call("POST", f"{path}/withdraw", key=str(uuid4()), json={})).status_code == 200
    await hear(intake, assigned(early), assigned(late, 2), assigned(str(uuid4())))
    for path in paths:
        told = (await intake.call("GET", path)).json()
        assert (told["state"], told["department"]) == ("withdrawn", "delivery")
    assert intake.count("standing") == 2


async def test_a_withdrawal_waits_for_news_under_way_and_is_refused_when_they_close_the_case(
    intake: Running, filed: dict[str, Any]
):
    async with intake.service.transaction() as tx:
        await handle(Batch((closed(filed["complaint_id"], 1),)), tx)
        path = f"/v1/complaints/{filed['complaint_id']}/withdraw"
        withdrawal = asyncio.create_task(intake.call("POST", path, key=str(uuid4()), json={}))
        waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%standing%'"
        while not intake.rows(waits):  # noqa: ASYNC110  # Postgres tells nobody that it waits
            await asyncio.sleep(0)
    assert (await withdrawal).status_code == 409


async def test_open_cases_of_a_caller_are_found_by_phone_or_address_until_closed(intake: Running):
    use = intake.service.app.state.intake
    first = (await intake.post()).json()
    second = (await intake.post(BODY | {"customer": {"email": "WANG@example.com"}})).json()
    await intake.post(BODY | {"customer": {"phone": "13912345678"}})
    found = await use.open_cases(phone="+8613812345678", email="wang@example.com")
    assert [case.reference for case in found] == [second["reference"], first["reference"]]
    await hear(intake, closed(first["complaint_id"], 4))
    assert [c.reference for c in await use.open_cases(phone="+8613812345678")] == []
    assert [c.reference for c in await use.open_cases(email="wang@example.com")] == [second["reference"]]
    assert await use.open_cases() == []
    by_reference = await use.by_reference(first["reference"])
    assert by_reference is not None and by_reference.body == BODY["text"]
