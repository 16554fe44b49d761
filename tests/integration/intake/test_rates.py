"""A4: a key's rate counts complaints, and what is open to everybody is limited without losing a word."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from tests.integration.intake.conftest import BODY, Running
from tests.integration.intake.test_pages import FORM, HTML, as_staff, key_of, send


def batch_of(count: int) -> dict[str, Any]:
    return {"complaints": [BODY | {"idempotency_key": str(uuid4())} for _ in range(count)]}


async def send_batch(intake: Running, count: int, channel: str = "slow") -> httpx.Response:
    return await intake.call("POST", "/v1/complaints:batch", channel=channel, json=batch_of(count))


async def test_a_batch_costs_what_it_holds(start: Callable[..., Any]) -> None:
    async with start(clients={"slow": {"rate": 2.0}}) as intake:
        answers = [await send_batch(intake, 60) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 429, 429]
        assert intake.count("complaint") == 60
        owed = int(answers[1].headers["retry-after"])
        assert 20 <= owed <= 31  # 60 complaints at 2 a second; nothing may be sent at once before
        assert answers[0].headers["ratelimit-policy"] == '"complaints";q=4;w=2'
        assert answers[0].headers["ratelimit"].startswith('"complaints";r=0;t=')
        alone = await intake.post(channel="slow")
        assert alone.status_code == 429 and int(alone.headers["retry-after"]) >= 1


async def test_a_batch_that_would_not_fit_now_files_nothing_of_it(start: Callable[..., Any]) -> None:
    async with start(clients={"slow": {"rate": 5.0}}) as intake:
        assert (await send_batch(intake, 8)).status_code == 200
        refused = await send_batch(intake, 9)
        assert refused.status_code == 429 and refused.json()["type"] == "urn:redress:problem:too-many"
        assert intake.count("complaint") == 8


async def test_a_key_without_a_rate_has_a_generous_one(start: Callable[..., Any]) -> None:
    async with start(intake_key_rate=3.0) as intake:
        answers = [await intake.post() for _ in range(9)]
        assert [answer.status_code for answer in answers][:6] == [201] * 6 and answers[-1].status_code == 429
        assert answers[0].headers["ratelimit"].startswith('"complaints";r=5;')
    async with start() as intake:
        assert {(await send_batch(intake, 500, "web")).status_code for _ in range(3)} == {200}


async def test_one_mailbox_is_written_to_a_few_times_and_nothing_typed_is_lost(start: Callable[..., Any]) -> None:
    async with start(intake_file_burst=1e6, intake_file_rate=1e6, intake_form_burst=1e6) as intake:
        answers = [await send(intake.http, str(uuid4()), email="victim@example.com") for _ in range(12)]
        assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 7
        assert intake.count("complaint") == 5
        refused = answers[-1]
        assert int(refused.headers["retry-after"]) > 60
        assert FORM["text"] in refused.text and "victim@example.com" in refused.text and "还没有提交" in refused.text
        english = await intake.http.post(
            "/file?lang=en", data={**FORM, "email": "victim@example.com", "key": "1", "action": "send"}, headers=HTML
        )
        assert english.status_code == 429 and "has not been sent" in english.text
        assert (await send(intake.http, str(uuid4()), email="other@example.com")).status_code == 303
        filed_by_key = await intake.post(BODY | {"customer": {"email": "victim@example.com"}})
        assert filed_by_key.status_code == 201  # channels vouch for what they file


async def test_a_double_click_costs_nothing(intake: Running) -> None:
    key = await key_of(intake.http)
    assert {(await send(intake.http, key)).status_code for _ in range(20)} == {303}
    assert intake.count("complaint") == 1


async def test_one_address_files_so_many_an_hour(start: Callable[..., Any]) -> None:
    async with start(intake_file_burst=3, intake_form_burst=1e6) as intake:
        answers = [await send(intake.http, str(uuid4()), email=f"a{n}@example.com") for n in range(6)]
        assert [answer.status_code for answer in answers] == [303] * 3 + [429] * 3


async def test_what_a_flood_of_posts_has_typed_stays(start: Callable[..., Any]) -> None:
    async with start(intake_form_rate=0.1, intake_form_burst=1) as intake:
        answers = [await intake.http.post("/file", data=FORM, headers=HTML) for _ in range(2)]
        assert answers[1].status_code == 429 and FORM["text"] in answers[1].text
        assert int(answers[1].headers["retry-after"]) >= 9


async def test_look_ups_are_limited_per_member_of_staff(start: Callable[..., Any]) -> None:
    async with start(intake_lookup_burst=5, intake_lookup_rate=0.1) as intake:
        await intake.post()
        typed, staff = {"phone": "13812345678"}, as_staff(intake)
        answers = [await intake.http.post("/agent/known", data=typed, headers=staff) for _ in range(100)]
        assert sum(answer.status_code == 200 for answer in answers) == 5
        assert answers[-1].status_code == 429 and "retry-after" in answers[-1].headers
        assert not re.search(r"R-[0-9A-Z]{4}-", answers[-1].text)
        shown = await intake.http.post("/agent/known", data=typed, headers=staff | {"HX-Request": "true"})
        assert shown.status_code == 200 and not re.search(r"R-[0-9A-Z]{4}-", shown.text)
        form = await intake.http.post("/agent", data={**typed, "text": "The pump", "action": "lookup"}, headers=staff)
        assert form.status_code == 429 and "The pump" in form.text
