"""What a customer sends twice behind the private link is said once (trial B2)."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.notifier.rig import Rig, Told
from tests.integration.notifier.test_progress_page import BROWSER, begun, http, rig, said

__all__ = ["http", "rig"]  # fixtures

OWN = {**BROWSER, "sec-fetch-site": "same-origin"}


async def proposed(rig: Rig) -> Told:
    story = await begun(rig)
    await rig.apply(story.accepted(), story.proposed(story.seal("text", "退款已办")))
    return story


async def kinds(rig: Rig) -> list[str]:
    return [event.kind.removesuffix(".v1") for event in await said(rig)]


async def send(client: httpx.AsyncClient, story: Told, action: str, body: dict[str, Any], key: str) -> httpx.Response:
    return await client.post(f"/c/{story.token}/{action}", json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("action", "body", "event"),
    [
        ("add", {"text": "箱子也破了"}, "customer.added"),
        ("confirm", {}, "complaint.confirmed"),
        ("dispute", {"text": "没有退"}, "complaint.disputed"),
    ],
)
async def test_a_program_that_sends_again_gets_the_same_answer(
    rig: Rig, http: httpx.AsyncClient, action: str, body: dict[str, Any], event: str
) -> None:
    story, key = await proposed(rig), str(uuid4())
    answers = await asyncio.gather(*(send(http, story, action, body, key) for _ in range(3)))
    assert [(one.status_code, one.json()) for one in answers] == [(200, {"status": "done"})] * 3
    assert sorted(one.headers.get("idempotent-replayed", "") for one in answers) == ["", "true", "true"]
    assert await kinds(rig) == [event]


async def test_a_dispute_is_made_once_however_late_it_comes_again(rig: Rig, http: httpx.AsyncClient) -> None:
    """Without the key the second one would be a second dispute, of the next resolution."""
    story, key = await proposed(rig), str(uuid4())
    await send(http, story, "dispute", {"text": "没有退"}, key)
    again = await send(http, story, "dispute", {"text": "没有退"}, key)
    assert again.json() == {"status": "done"} and again.headers["idempotent-replayed"] == "true"
    other = await send(http, story, "dispute", {"text": "别的"}, key)
    assert other.status_code == 422 and other.json()["type"].endswith("idempotency-key-reused")
    assert other.headers["referrer-policy"] == "no-referrer"
    assert await kinds(rig) == ["complaint.disputed"]


async def test_what_came_too_late_leaves_its_key_free(rig: Rig, http: httpx.AsyncClient) -> None:
    story, key = await begun(rig), str(uuid4())
    assert (await send(http, story, "confirm", {}, key)).status_code == 409
    await rig.apply(story.accepted(), story.proposed(story.seal("text", "退款已办")))
    assert (await send(http, story, "confirm", {}, key)).json() == {"status": "done"}


@pytest.mark.parametrize("key", ["", "abc", str(UUID(int=0))])
async def test_what_is_no_key_is_refused(rig: Rig, http: httpx.AsyncClient, key: str) -> None:
    story = await begun(rig)
    assert (await send(http, story, "add", {"text": "x"}, key)).status_code == 400


async def test_a_form_that_is_sent_twice_says_it_once(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await proposed(rig)
    page = (await http.get(f"/c/{story.token}", headers=OWN)).text
    forms = dict(
        re.findall(r'<form method="post" action="/c/[^"]+/(\w+)\?.*?name="key" value="([^"]+)"', page, re.DOTALL)
    )
    assert set(forms) == {"add", "confirm", "dispute"} and len(set(forms.values())) == 3
    form = {"add_text": "箱子也破了", "key": forms["add"]}
    for _ in range(2):
        answer = await http.post(f"/c/{story.token}/add", data=form, headers=OWN)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/c/{story.token}?done=add")
    other = await http.post(f"/c/{story.token}/add", data=form | {"add_text": "还有一件事"}, headers=OWN)
    assert other.status_code == 409 and "还有一件事" in other.text and "已经提交过" in other.text
    assert forms["add"] not in other.text
    assert await kinds(rig) == ["customer.added"]
