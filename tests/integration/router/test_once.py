"""A command under a key acts once, by API and by form (trial B2); a promise of the same date is no second one."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.router.conftest import Running
from tests.integration.router.stories import Told
from tests.integration.router.test_api import do, filed, see

WORDS = {"text": "已联系仓库，明天给您答复"}


async def send(
    running: Running, told: Told, action: str, body: dict[str, Any], key: str | None, user: str = "li.delivery"
) -> httpx.Response:
    async with await running.as_user(user) as client:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await client.post(f"/v1/cases/{told.reference}/{action}", json=body, headers=headers)


async def kinds(running: Running, told: Told) -> list[str]:
    return [event.kind.removesuffix(".v1") for event in await running.sent(told.complaint_id)]


@pytest.fixture
async def told(running: Running) -> Told:
    told = await filed(running)
    await do(running, "li.delivery", told, "accept")
    return told


async def test_the_same_command_under_one_key_acts_once_and_is_answered_alike(running: Running, told: Told) -> None:
    key = str(uuid4())
    first = await send(running, told, "progress", WORDS, key)
    await do(running, "li.delivery", told, "note", text="dazwischen")  # the case moves on; the answer does not
    again = await send(running, told, "progress", WORDS, f'"{key.upper()}"')
    assert (first.status_code, again.status_code) == (200, 200), (first.text, again.text)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    assert (await kinds(running, told)).count("progress.reported") == 1


async def test_the_answer_is_kept_sealed(running: Running, told: Told) -> None:
    await send(running, told, "progress", WORDS, str(uuid4()))
    (kept,) = await running.rows("SELECT answer FROM command_key")
    assert kept["answer"].startswith("s1.") and "快递" not in kept["answer"]


async def test_sent_at_once_many_times_it_acts_once(running: Running, told: Told) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(send(running, told, "progress", WORDS, key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert (await kinds(running, told)).count("progress.reported") == 1


async def test_another_body_another_command_another_case_under_the_key_is_refused(running: Running, told: Told) -> None:
    key, other = str(uuid4()), await filed(running)
    await do(running, "li.delivery", other, "accept")
    await send(running, told, "progress", WORDS, key)
    for case, action, body in (
        (told, "progress", {"text": "别的"}),
        (told, "note", WORDS),
        (other, "progress", WORDS),
    ):
        answer = await send(running, case, action, body, key)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "urn:redress:problem:idempotency-key-reused"
    assert (await kinds(running, told)).count("progress.reported") == 1


async def test_a_key_is_its_senders_own(running: Running, told: Told) -> None:
    key = str(uuid4())
    await send(running, told, "note", WORDS, key)
    answer = await send(running, told, "note", {"text": "lead"}, key, user="lead.delivery")
    assert answer.status_code == 200 and "idempotent-replayed" not in answer.headers


async def test_a_refused_command_leaves_its_key_free(running: Running, told: Told) -> None:
    key = str(uuid4())
    assert (await send(running, told, "progress", {"text": ""}, key)).status_code == 422
    assert (await send(running, told, "record/answer", {"answer": "x"}, key)).status_code == 409
    assert await running.rows("SELECT key FROM command_key") == []
    assert (await send(running, told, "progress", WORDS, key)).status_code == 200


@pytest.mark.parametrize("key", ["", "abc", str(UUID(int=0)), "0" * 36])
async def test_what_is_no_key_is_refused(running: Running, told: Told, key: str) -> None:
    answer = await send(running, told, "progress", WORDS, key)
    assert answer.status_code == 400 and answer.json()["type"].endswith("idempotency-key-missing")


async def test_a_command_that_is_being_carried_out_is_409(running: Running, told: Told) -> None:
    key = uuid4()
    async with running.service.transaction() as tx:  # another copy, which takes its time
        await tx.execute(
            "INSERT INTO command_key (who, key, digest, asked_at) VALUES ('staff:li.delivery', $1, $2, $3)",
            key, b"x" * 32, tx.now,
        )  # fmt: skip
        answer = await send(running, told, "progress", WORDS, str(key))
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"].endswith("in-progress") and answer.headers["retry-after"] == "1"


async def test_without_a_key_two_equal_commands_are_two(running: Running, told: Told) -> None:
    for _ in range(2):
        assert (await send(running, told, "progress", WORDS, None)).status_code == 200
    assert (await kinds(running, told)).count("progress.reported") == 2


async def test_the_moment_of_a_promise_counts_and_not_its_offset(running: Running, told: Told) -> None:
    key, at = str(uuid4()), datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    there = at.astimezone(timezone(timedelta(hours=8)))
    first = await send(running, told, "promise", {"due_at": at.isoformat(), "text": "送到"}, key)
    again = await send(running, told, "promise", {"due_at": there.isoformat(), "text": "送到"}, key)
    assert (first.status_code, again.content) == (200, first.content)


async def test_the_same_date_promised_again_is_told_but_no_apology(running: Running, told: Told) -> None:
    at = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    for words in ("今天送到", "今天一定送到"):
        await do(running, "li.delivery", told, "promise", due_at=at, text=words)
    assert (await kinds(running, told))[-2:] == ["promise.made", "progress.reported"]
    assert [line["what"] for line in (await see(running, "li.delivery", told))["history"]][-2:] == [
        "promised",
        "progress",
    ]


@pytest.mark.parametrize("due_at", [4_102_444_800, "4102444800", "99999999999999", "2100-01-01"])
async def test_what_is_no_date_and_time_is_no_promise(running: Running, told: Told, due_at: object) -> None:
    answer = await send(running, told, "promise", {"due_at": due_at, "text": "x"}, None)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "due_at"


def form_of(page: str, action: str) -> dict[str, str]:
    form = re.search(rf'action="/desk/cases/[^"]+/{action}\?.*?</form>', page, re.DOTALL)
    assert form is not None
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.group()))


async def test_a_form_that_is_sent_twice_acts_once(running: Running, told: Told) -> None:
    async with await running.as_user("li.delivery", accept="text/html") as client:
        address = f"/desk/cases/{told.reference}"
        hidden = form_of((await client.get(address)).text, "progress")
        form = hidden | {"progress_text": "已联系仓库"}
        answers = await asyncio.gather(*(client.post(f"{address}/progress", data=form) for _ in range(3)))
        assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
            (303, f"{address}?done=progress")
        }
        assert (await kinds(running, told)).count("progress.reported") == 1
        # Gone back to, and sent with other words: nothing is done, the words are kept, and a second click does it.
        other = await client.post(f"{address}/progress", data=hidden | {"progress_text": "别的话"})
        assert other.status_code == 409 and "别的话" in other.text and "已经提交过" in other.text
        again = form_of(other.text, "progress")
        assert again["key"] != hidden["key"]
        assert (await client.post(f"{address}/progress", data=again | {"progress_text": "别的话"})).status_code == 303
    assert (await kinds(running, told)).count("progress.reported") == 2


async def test_every_form_of_the_desk_carries_a_key_of_its_own(running: Running, told: Told) -> None:
    async with await running.as_user("li.delivery", accept="text/html") as client:
        page = (await client.get(f"/desk/cases/{told.reference}")).text
    forms = re.findall(r'<form method="post" action="/desk/cases/.*?</form>', page, re.DOTALL)
    keys = [re.search(r'name="key" value="([0-9a-f-]{36})"', form) for form in forms]
    assert len(forms) >= 5 and all(keys) and len({found.group(1) for found in keys if found}) == len(forms)
