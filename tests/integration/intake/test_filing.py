"""POST /v1/complaints on a real database: what is answered is stored, once."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events.intake import ComplaintSubmitted
from shared.events.reference import parse_reference
from tests.integration.intake.conftest import BODY, Running, waiting


async def test_a_complaint_is_answered_with_reference_link_and_time(intake: Running):
    answer = await intake.post()
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert set(told) == {"complaint_id", "reference", "progress_url", "received_at", "warnings"}
    assert parse_reference(told["reference"]) == told["reference"]
    assert told["progress_url"].startswith("http://127.0.0.1:8104/c/")
    assert abs(datetime.fromisoformat(told["received_at"]) - datetime.now(UTC)) < timedelta(seconds=10)


async def test_what_is_answered_is_stored_with_its_event_in_one_piece(intake: Running):
    told = (await intake.post(BODY | {"order_id": "A-7", "title": "太慢", "wanted": "refund"})).json()
    (row,) = intake.rows("SELECT * FROM intake.complaint")
    assert str(row["complaint_id"]) == told["complaint_id"] and row["reference"] == told["reference"]
    assert (row["body"], row["email"], row["phone"]) == (BODY["text"], "wang@example.com", "+8613812345678")
    (out,) = intake.rows("SELECT * FROM intake.outbox")
    assert out["topic"] == "complaints.intake" and out["key"] == told["complaint_id"].encode()
    event = ComplaintSubmitted.model_validate_json(out["payload"])
    assert (event.complaint_id, event.event_id, event.version) == (UUID(told["complaint_id"]), out["event_id"], 1)
    assert (event.pack, event.channel, event.client, event.wanted, event.has_order) == (
        "retail", "web", "web", "refund", True,
    )  # fmt: skip
    assert event.type == out["type"] and event.occurred_at == out["occurred_at"]


async def test_the_event_holds_nothing_personal_in_clear_and_opens_with_the_persons_key(intake: Running):
    body = BODY | {
        "title": "标题", "order_id": "ORDER-77", "store_id": "SH-21/WangWu", "category": "li_si_139", "call_back": {"number": "13912345678", "hours": "晚上六点后"},
        "on_behalf_of": {"name": "王老先生", "relation": "儿子"},
    }  # fmt: skip
    told = (await intake.post(body)).json()
    payload = intake.rows("SELECT payload FROM intake.outbox")[0]["payload"].decode()
    token = told["progress_url"].rpartition("/")[2]
    for secret in (
        "王小明",
        "wang@",
        "138123",
        "快递",
        "标题",
        "ORDER-77",
        "WangWu",
        "li_si",
        "139123",
        "晚上",
        "王老",
        "儿子",
        token,
    ):
        assert secret not in payload
    event = ComplaintSubmitted.model_validate_json(payload)
    key = (await intake.service.vault.keys_of([event.person_id]))[event.person_id]
    opened = {
        name: key.open(event.complaint_id, name, getattr(event, name))
        for name in ("text", "title", "name", "email", "phone", "order_id", "store", "on_behalf_of", "progress_token")
    }
    assert opened == {
        "text": BODY["text"], "title": "标题", "name": "王小明", "store": "SH-21/WangWu", "email": "wang@example.com",
        "phone": "+8613812345678", "order_id": "ORDER-77", "on_behalf_of": "王老先生 (儿子)", "progress_token": token,
    }  # fmt: skip
    assert event.call_back is not None and event.call_back.number is not None
    assert key.open(event.complaint_id, "call_back.number", event.call_back.number) == "+8613912345678"


async def test_the_same_key_and_body_get_the_same_bytes(intake: Running):
    key = str(uuid4())
    first = await intake.post(key=key)
    again = await intake.post(dict(reversed(BODY.items())), key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    assert intake.count("complaint") == intake.count("outbox") == 1


async def test_the_same_key_with_another_body_is_refused(intake: Running):
    key = str(uuid4())
    await intake.post(key=key)
    other = await intake.post(BODY | {"text": "另一件事"}, key=key)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:redress:problem:idempotency-key-reused"
    assert intake.count("complaint") == 1


async def test_many_posts_of_one_key_at_once_file_one_complaint_and_get_one_answer(intake: Running):
    key = str(uuid4())
    answers = await asyncio.gather(*(intake.post(key=key) for _ in range(60)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert intake.count("complaint") == intake.count("outbox") == intake.count("idempotency") == 1


async def test_of_different_bodies_under_one_key_one_wins_and_the_others_are_told(intake: Running):
    key = str(uuid4())
    answers = await asyncio.gather(*(intake.post(BODY | {"text": f"第{n % 2}种"}, key=key) for n in range(40)))
    codes = sorted(a.status_code for a in answers)
    assert codes == [201] * 20 + [422] * 20
    assert len({a.content for a in answers if a.status_code == 201}) == 1
    assert intake.count("complaint") == 1


async def test_requests_that_wait_share_a_commit(intake: Running):
    before = _transactions(intake)
    answers = await asyncio.gather(*(intake.post() for _ in range(200)))
    assert {a.status_code for a in answers} == {201}
    assert intake.count("complaint") == 200
    # Without sharing there would be at least 200 (and the keys' 200 more); each group takes a handful.
    assert _transactions(intake) - before < 100


def _transactions(intake: Running) -> int:
    row = intake.rows(
        "SELECT pg_stat_force_next_flush(), xact_commit AS n FROM pg_stat_database WHERE datname = current_database()"
    )
    return row[0]["n"]


async def test_references_are_unique_and_look_unrelated(intake: Running):
    answers = await asyncio.gather(*(intake.post() for _ in range(300)))
    assert len({a.json()["reference"] for a in answers}) == 300


async def test_one_person_by_phone_is_one_key_and_a_nameless_one_a_new_key_each_time(intake: Running):
    same = [{"phone": "13812345678"}, {"phone": "+86 138 1234 5678", "email": "x@y.cn"}]
    for customer in (*same, {}, {}):
        assert (await intake.post(BODY | {"customer": customer})).status_code == 201
    persons = [r["person_id"] for r in intake.rows("SELECT person_id FROM intake.complaint ORDER BY complaint_id")]
    assert persons[0] == persons[1] and len(set(persons)) == 3


async def test_a_time_of_receipt_is_kept_and_one_that_cannot_be_right_is_refused(intake: Running):
    now = datetime.now(UTC)
    told = (now - timedelta(days=2)).isoformat()
    assert datetime.fromisoformat((await intake.post(BODY | {"received_at": told})).json()["received_at"]) == (
        datetime.fromisoformat(told)
    )
    for wrong, code in ((now + timedelta(minutes=10), "in_the_future"), (now - timedelta(days=500), "too_long_ago")):
        answer = await intake.post(BODY | {"received_at": wrong.isoformat()})
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/received_at", code)]
    assert intake.count("complaint") == 1


async def test_times_come_from_the_databases_clock(intake: Running):
    intake.database.freeze_clock("2031-05-05T05:05:05Z")
    told = (await intake.post()).json()
    assert told["received_at"].startswith("2031-05-05T05:05:05")


async def test_a_client_that_hangs_up_loses_nothing(intake: Running):
    posts = [asyncio.create_task(intake.post(key=str(UUID(int=n)))) for n in range(1, 101)]
    await waiting(intake, 50)
    for post in posts[:50]:
        post.cancel()
    await asyncio.gather(*posts, return_exceptions=True)
    again = await asyncio.gather(*(intake.post(key=str(UUID(int=n))) for n in range(1, 101)))
    assert {a.status_code for a in again} == {201}
    assert intake.count("complaint") == 100


async def test_the_trace_of_the_request_goes_on_in_the_outbox(intake: Running):
    trace = "00-" + "a1" * 16 + "-" + "b2" * 8 + "-00"
    await intake.post(headers={"traceparent": trace})
    assert intake.rows("SELECT traceparent FROM intake.outbox")[0]["traceparent"] == trace


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_nobody_decides_how_large_the_trace_in_the_outbox_is(intake: Running, flags: str):
    long = {"traceparent": "00-" + "a1" * 16 + "-" + "b2" * 8 + f"-{flags}" + "-x" * 2_500_000}
    filed = await intake.post(headers=long)
    batch = {"complaints": [BODY | {"idempotency_key": str(uuid4())}]}
    await intake.call("POST", "/v1/complaints:batch", json=batch, headers=long)
    amend = f"/v1/complaints/{filed.json()['complaint_id']}/amend"
    await intake.call("POST", amend, json={"text": "Still waiting."}, key=str(uuid4()), headers=long)
    typed = {"text": "No parcel.", "email": "jane@example.com", "answer_in": "en", "key": "1", "action": "send"}
    assert (await intake.http.post("/file", data=typed, headers=long)).status_code == 303
    rows = intake.rows("SELECT length(traceparent) AS size, left(traceparent, 35) AS trace FROM intake.outbox")
    assert [row["size"] for row in rows] == [55] * 4
    assert not any(row["trace"] == long["traceparent"][:35] for row in rows)


async def test_extras_are_kept_where_staff_can_see_them(intake: Running):
    body = BODY | {"consent": False, "about_staff": True, "about_department": "delivery", "wanted": "apology"}
    assert (await intake.post(body)).status_code == 201
    details = json.loads(intake.rows("SELECT details FROM intake.complaint")[0]["details"])
    assert details == {"consent": False, "about_staff": True, "about_department": "delivery", "wanted": "apology"}
    event = ComplaintSubmitted.model_validate_json(intake.rows("SELECT payload FROM intake.outbox")[0]["payload"])
    assert (event.consent, event.about_staff, event.about_department) == (False, True, "delivery")


def _mailed(address: str | None, text: str = "还是没有送到。") -> dict[str, Any]:
    return BODY | {"text": text, "customer": {"email": address} if address else {}}


async def _readable(intake: Running) -> dict[str, str]:
    """Reference → the text that the event's person can be read with, of everything in the outbox."""
    found = {}
    for row in intake.rows("SELECT payload FROM intake.outbox ORDER BY id"):
        event = ComplaintSubmitted.model_validate_json(row["payload"])
        key = (await intake.service.vault.keys_of([event.person_id]))[event.person_id]
        found[event.reference] = str(key.open(event.complaint_id, "text", event.text))
    return found


async def test_of_one_group_known_and_new_persons_each_get_their_own_key(intake: Running):
    await intake.post(_mailed("known@example.com"))
    addresses = ["known@example.com", "new@example.com", "new@example.com", None, None, "known@example.com"]
    bodies = [_mailed(address, f"第{n}件") for n, address in enumerate(addresses)]
    bodies.insert(3, _mailed("known@example.com") | {"received_at": "2100-01-01T00:00:00Z"})
    answers = await asyncio.gather(*(intake.post(body) for body in bodies))
    assert [a.status_code for a in answers] == [201, 201, 201, 422, 201, 201, 201]
    told = {a.json()["reference"]: b["text"] for a, b in zip(answers, bodies, strict=True) if a.status_code == 201}
    assert told.items() <= (await _readable(intake)).items()
    persons = intake.rows("SELECT email, count(DISTINCT person_id) AS n FROM intake.complaint GROUP BY email")
    assert {row["email"]: row["n"] for row in persons} == {"known@example.com": 1, "new@example.com": 1, None: 2}
    assert intake.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 4


async def test_an_erased_person_who_complains_again_is_somebody_new(intake: Running):
    await intake.post(_mailed("known@example.com"))
    intake.rows("SELECT vault.shred(ARRAY(SELECT person_id FROM intake.complaint))")
    assert (await intake.post(_mailed("known@example.com"))).status_code == 201
    assert intake.rows("SELECT count(DISTINCT person_id) AS n FROM intake.complaint")[0]["n"] == 2
    assert intake.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 1


async def test_a_vault_of_its_own_is_asked_before(start: Any):
    """Where another database holds the keys no statement of ours reaches them."""
    async with start() as other, start(vault_database_url=other.database.url_of("intake")) as intake:
        bodies = [_mailed(f"{n % 2}@example.com", f"第{n}件") for n in range(6)]
        answers = await asyncio.gather(*(intake.post(body) for body in bodies))
        await intake.service.vault_database.close()
        assert {a.status_code for a in answers} == {201}
        assert other.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 2
        assert intake.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 0


async def test_a_number_without_a_country_code_is_read_in_the_region_of_the_clients_pack(start: Any):
    """D11: two strangers became one person where a bank's number was read as one of Shanghai."""
    async with start(clients={"till": {"pack": "bank"}}) as intake:
        await _file_three_numbers(intake)


async def _file_three_numbers(intake: Running) -> None:
    body = BODY | {"customer": {"phone": "(212) 456-7890 ext. 12"}}
    assert (await intake.post(body, channel="till")).status_code == 201
    batch = {"complaints": [BODY | {"customer": {"phone": "212 456 7890"}, "idempotency_key": str(uuid4())}]}
    answer = await intake.call("POST", "/v1/complaints:batch", channel="till", json=batch)
    assert answer.json()["results"][0]["status"] == 201
    assert (await intake.post(BODY | {"customer": {"phone": "(021) 6288 1234"}})).status_code == 201
    assert {row["phone"] for row in intake.rows("SELECT phone FROM intake.complaint")} == {
        "+12124567890;ext=12", "+12124567890", "+862162881234",
    }  # fmt: skip
    assert intake.rows("SELECT count(DISTINCT person_id) AS n FROM intake.complaint")[0]["n"] == 3


async def test_nobody_files_for_an_address_of_ours(start: Any):
    """D9: our own senders were taken for customers, and we wrote to ourselves."""
    async with start(clients={"till": {"pack": "bank"}}) as intake:
        for address in ("Complaints@retail.example", "service@retail.example", "mailer-daemon@example.com"):
            for channel in ("web", "till"):
                answer = await intake.post(BODY | {"customer": {"email": address}}, channel=channel)
                assert answer.status_code == 422
                [error] = answer.json()["errors"]
                assert (error["field"], error["code"]) == ("customer.email", "not_a_customers_email")
        assert (await intake.post(BODY | {"customer": {"email": "post@retail.example"}})).status_code == 201
