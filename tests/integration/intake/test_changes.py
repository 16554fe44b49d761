"""Amending, withdrawing and asking after a complaint; what intake hears from the router."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.handlers import handle
from shared.events.intake import ComplaintAmended, ComplaintWithdrawn
from shared.runtime.consumer import Batch
from shared.runtime.web.sessions import Staff
from tests.integration.intake.conftest import BODY, Running
from tests.support.news import awaited, closed, paused, reopened, resumed, started, warned
from tests.support.staff import signed_in


@pytest.fixture
async def filed(intake: Running) -> dict[str, Any]:
    return (await intake.post()).json()


def outbox(intake: Running) -> list[Any]:
    return intake.rows("SELECT * FROM intake.outbox ORDER BY id")


def staff_headers(intake: Running, role: str = "agent") -> dict[str, str]:
    staff = Staff(user="lin", name="林", role=role, department="customer-service")  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {signed_in(intake.database, intake.service.sessions, staff)}"}


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
    assert (await intake.call("POST", path, key=str(uuid4()), json={"text": "x"})).status_code == 410


async def hear(intake: Running, *events: Any) -> None:
    async with intake.service.transaction() as tx:
        await handle(Batch(tuple(events)), tx)


DUE = datetime(2026, 12, 1, 9, tzinfo=UTC)
LATER = datetime(2026, 12, 8, 9, tzinfo=UTC)


async def test_status_follows_what_router_and_sla_say(intake: Running, filed: dict[str, Any]):
    path, case = f"/v1/complaints/{filed['complaint_id']}", UUID(filed["complaint_id"])
    told = (await intake.call("GET", path)).json()
    assert (told["state"], told["department"], told["due_at"]) == ("submitted", None, None)
    await hear(intake, started(1, case, journey=DUE), started(1, uuid4(), journey=DUE))
    told = (await intake.call("GET", path)).json()
    assert (told["state"], told["department"], told["reference"]) == ("assigned", "delivery", filed["reference"])
    assert told["due_at"] == "2026-12-01T09:00:00Z"
    await hear(intake, started(2, case, epoch=2, department="billing"), closed(3, case, epoch=2, department="billing"))
    await hear(intake, started(1, case, journey=DUE))
    told = (await intake.call("GET", path)).json()
    assert (told["state"], told["department"], told["due_at"]) == ("closed", "billing", None)
    amend = await intake.call("POST", f"{path}/amend", key=str(uuid4()), json={"text": "x"})
    assert amend.status_code == 409
    await hear(intake, reopened(4, case, epoch=2, department="billing"))
    assert (await intake.call("GET", path)).json()["state"] == "assigned"


async def test_the_date_told_stays_true_while_the_case_waits_and_is_delayed(intake: Running, filed: dict[str, Any]):
    path, case = f"/v1/complaints/{filed['complaint_id']}", UUID(filed["complaint_id"])

    async def due() -> str | None:
        found: str | None = (await intake.call("GET", path)).json()["due_at"]
        return found

    await hear(intake, started(1, case, journey=DUE), paused(2, case))
    assert await due() is None
    await hear(intake, resumed(3, case, journey=DUE))
    assert await due() == "2026-12-01T09:00:00Z"
    await hear(intake, warned(4, case, to=LATER))
    await hear(intake, warned(4, case, to=LATER), resumed(3, case, journey=DUE), paused(2, case))
    assert await due() == "2026-12-08T09:00:00Z"


class OneFetch:
    """A transaction that can do nothing but fetch, and counts."""

    def __init__(self, tx: Any) -> None:
        self._tx, self.count = tx, 0

    async def fetch(self, sql: str, *args: Any) -> Any:
        self.count += 1
        return await self._tx.fetch(sql, *args)


async def test_news_of_a_batch_is_one_statement_when_nothing_was_known(intake: Running):
    cases = [UUID((await intake.post()).json()["complaint_id"]) for _ in range(5)]
    async with intake.service.transaction() as tx:
        counting = OneFetch(tx)
        await handle(Batch(tuple(started(1, case, journey=DUE) for case in cases)), counting)  # type: ignore[arg-type]
        assert counting.count == 1
    known = intake.rows("SELECT journey_due_at, epoch, clock_version FROM intake.standing")
    assert [tuple(row) for row in known] == [(DUE, 1, 1)] * 5


async def test_a_standing_of_the_code_before_gets_its_date(intake: Running, filed: dict[str, Any]):
    case = UUID(filed["complaint_id"])
    intake.database.execute(
        "INSERT INTO intake.standing (complaint_id, state, department, seen_version) VALUES ($1, 'assigned', 'x', 2)",
        case,
    )
    await hear(intake, started(1, case, journey=DUE))
    (known,) = intake.rows("SELECT state, department, seen_version, journey_due_at FROM intake.standing")
    assert tuple(known) == ("assigned", "delivery", 2, DUE)


async def test_news_and_a_withdrawal_that_cross_end_up_the_same_in_either_order(intake: Running):
    early, late = [(await intake.post()).json()["complaint_id"] for _ in range(2)]
    paths = [f"/v1/complaints/{c}" for c in (early, late)]
    await hear(intake, started(1, UUID(late), journey=DUE))
    for path in paths:
        assert (await intake.call("POST", f"{path}/withdraw", key=str(uuid4()), json={})).status_code == 200
    await hear(
        intake, *(started(1, UUID(case), journey=DUE) for case in (early, late)), started(1, uuid4(), journey=DUE)
    )
    for path in paths:
        told = (await intake.call("GET", path)).json()
        assert (told["state"], told["department"], told["due_at"]) == ("withdrawn", "delivery", None)
    assert intake.count("standing") == 2


async def test_a_withdrawal_waits_for_news_under_way_and_is_refused_when_they_close_the_case(
    intake: Running, filed: dict[str, Any]
):
    async with intake.service.transaction() as tx:
        await handle(Batch((closed(1, UUID(filed["complaint_id"])),)), tx)
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
    found, total = await use.open_cases("retail", phone="+8613812345678", email="wang@example.com")
    assert await use.open_cases("bank", email="wang@example.com") == ([], 0)
    assert total == len(found)
    assert [case.reference for case in found] == [second["reference"], first["reference"]]
    await hear(intake, closed(4, UUID(first["complaint_id"])))
    assert [c.reference for c in (await use.open_cases("retail", phone="+8613812345678"))[0]] == []
    assert [c.reference for c in (await use.open_cases("retail", email="wang@example.com"))[0]] == [second["reference"]]
    assert await use.open_cases("retail") == ([], 0)

    by_reference = await use.by_reference(first["reference"])
    assert by_reference is not None and by_reference.body == BODY["text"]


async def test_of_many_open_cases_the_newest_are_shown_and_all_are_counted(intake: Running):
    for _ in range(22):
        await intake.post()
    found, total = await intake.service.app.state.intake.open_cases("retail", email="wang@example.com")
    assert (len(found), total) == (20, 22)


async def test_a_channel_learns_what_a_case_waits_for_and_why_it_has_no_date(intake: Running, filed: dict[str, Any]):
    path, case = f"/v1/complaints/{filed['complaint_id']}", UUID(filed["complaint_id"])

    async def told() -> tuple[str, str | None]:
        answer = (await intake.call("GET", path)).json()
        assert (answer["due_at"] is None) == (answer["due_reason"] is not None)
        return answer["stage"], answer["due_reason"]

    assert await told() == ("received", "not_yet_known")
    await hear(intake, started(1, case, journey=DUE))
    assert await told() == ("with_department", None)
    question = (awaited(2, case, kind="answer"), paused(3, case))
    await hear(intake, *question)
    assert await told() == ("waiting_for_customer", "waiting_for_customer")
    await hear(intake, resumed(4, case, journey=LATER))
    assert await told() == ("with_department", None)
    await hear(intake, awaited(5, case, kind="confirmation"), paused(6, case))
    assert await told() == ("resolution_proposed", "waiting_for_customer")
    await hear(intake, *question)  # told again, and too late
    assert await told() == ("resolution_proposed", "waiting_for_customer")
    await hear(intake, closed(7, case))
    assert await told() == ("closed", "over")
    await hear(intake, reopened(8, case), resumed(7, case, journey=LATER))
    assert await told() == ("reopened", None)
    await intake.call("POST", f"{path}/withdraw", key=str(uuid4()), json={})
    assert await told() == ("withdrawn", "over")
