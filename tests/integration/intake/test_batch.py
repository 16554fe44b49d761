"""POST /v1/complaints:batch: each entry has its own key, its own time and its own answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.integration.intake.conftest import BODY, Running

STORE = BODY | {"channel": "store"}


def entry(**fields: Any) -> dict[str, Any]:
    return STORE | {"idempotency_key": str(uuid4())} | fields


async def send(intake: Running, entries: list[Any], channel: str = "store") -> Any:
    return await intake.call("POST", "/v1/complaints:batch", channel=channel, json={"complaints": entries})


async def test_each_entry_is_filed_with_its_own_time(intake: Running):
    times = [(datetime.now(UTC) - timedelta(hours=n)).isoformat() for n in range(1, 301)]
    entries = [entry(received_at=time) for time in times]
    answer = await send(intake, entries)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [r["idempotency_key"] for r in results] == [e["idempotency_key"] for e in entries]
    assert [r["index"] for r in results] == list(range(300))
    assert {r["status"] for r in results} == {201}
    assert [datetime.fromisoformat(r["complaint"]["received_at"]) for r in results] == [
        datetime.fromisoformat(time) for time in times
    ]
    assert intake.count("complaint") == intake.count("outbox") == 300


async def test_a_batch_sent_again_files_nothing_new_and_gets_the_same_answers(intake: Running):
    entries = [entry() for _ in range(50)]
    first = await send(intake, entries)
    again = await send(intake, entries)
    results = again.json()["results"]
    marked = [result.pop("replayed") for result in results]
    assert results == first.json()["results"] and marked == [True] * 50
    assert intake.count("complaint") == 50


async def test_a_bad_entry_does_not_cost_the_others(intake: Running):
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    entries = [
        entry(), entry(text=""), "nonsense", entry(idempotency_key="x"), entry(channel="web"),
        entry(received_at=future), entry(language="en", customer={"email": "no"}), entry(),
    ]  # fmt: skip
    results = (await send(intake, entries)).json()["results"]
    assert [r["status"] for r in results] == [201, 422, 422, 400, 403, 422, 422, 201]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/text"
    assert results[2]["idempotency_key"] is None
    assert results[5]["problem"]["errors"][0]["code"] == "in_the_future"
    assert "e-mail" in results[6]["problem"]["errors"][0]["detail"]
    assert all(("complaint" in r) != ("problem" in r) for r in results)
    assert intake.count("complaint") == 2


async def test_a_batch_is_answered_in_the_language_of_its_entries(intake: Running):
    english = [entry(language="en", text=""), entry(language="en"), "nonsense", entry(language="zh", text="")]
    results = (await send(intake, english)).json()["results"]
    details = [r["problem"]["errors"][0]["detail"] for r in results if "problem" in r]
    assert details[0].startswith("Must") and details[1].startswith("Must") and "不能为空" in details[2]
    whole = await intake.call("POST", "/v1/complaints:batch", channel="store", json={"complaints": english, "x": 1})
    assert whole.json()["title"] == "The request is not valid" and "Unknown field" in whole.text
    stranger = await intake.http.post("/v1/complaints:batch", json={"complaints": english})
    assert stranger.status_code == 401 and "Credential" in stranger.json()["title"]


async def test_entries_that_are_all_bad_get_their_own_answers_too(intake: Running):
    asked = await intake.call(
        "POST", "/v1/complaints:batch", channel="store", json={"complaints": ["x"]}, headers={"Accept-Language": "en"}
    )
    assert asked.status_code == 200, asked.text
    assert asked.json()["results"][0]["problem"]["title"] == "The request is not valid"
    results = (await send(intake, [entry(text=""), entry(customer={"phone": "1"})])).json()["results"]
    assert [r["problem"]["errors"][0]["pointer"] for r in results] == ["/text", "/customer/phone"]


async def test_one_key_twice_in_a_batch_is_one_complaint_or_a_refusal(intake: Running):
    one, two = entry(), entry()
    results = (await send(intake, [one, one, two, two | {"text": "别的"}])).json()["results"]
    assert [r["status"] for r in results] == [201, 201, 201, 422]
    assert [r.get("replayed") for r in results] == [None, True, None, None]
    assert results[0]["complaint"] == results[1]["complaint"]
    assert intake.count("complaint") == 2


async def test_what_was_posted_alone_and_comes_again_in_a_batch_is_the_same(intake: Running):
    key = str(uuid4())
    alone = (await intake.post(STORE, key=key, channel="store")).json()
    (result,) = (await send(intake, [entry(idempotency_key=key)])).json()["results"]
    assert (result["status"], result["complaint"]) == (201, alone)
    assert intake.count("complaint") == 1


async def test_a_batch_that_is_none_is_refused_whole(intake: Running):
    for body in ({}, {"complaints": []}, {"complaints": {}}, {"complaints": [entry()], "x": 1}, [], None):
        answer = await intake.call("POST", "/v1/complaints:batch", channel="store", json=body)
        assert answer.status_code == 422, body
    answer = await send(intake, [entry()] * 501)
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "too_many"
    assert intake.count("complaint") == 0


async def test_a_till_cannot_file_for_another_store_in_a_batch(start: Any):
    async with start(clients={"till-7": {"channel": "store", "store_id": "S7"}}) as intake:
        results = (await send(intake, [entry(store_id="S8"), entry(store_id="S7"), entry()], "till-7")).json()[
            "results"
        ]
        assert [r["status"] for r in results] == [403, 201, 201]


async def test_many_batches_at_once_all_get_through(intake: Running):
    answers = await asyncio.gather(*(send(intake, [entry() for _ in range(40)]) for _ in range(8)))
    assert all(r["status"] == 201 for a in answers for r in a.json()["results"])
    assert intake.count("complaint") == 320


async def test_more_batches_than_memory_should_hold_are_told_to_come_back(intake: Running):
    answers = await asyncio.gather(*(send(intake, [entry() for _ in range(5)]) for _ in range(40)))
    codes = [a.status_code for a in answers]
    assert set(codes) == {200, 503} and codes.count(200) >= 16
    assert all("retry-after" in a.headers for a in answers if a.status_code == 503)
    assert intake.count("complaint") == 5 * codes.count(200)
