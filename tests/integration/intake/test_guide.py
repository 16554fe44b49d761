"""The integrators' guide says what the server does: each row of its table, tried against the real service (trial B5)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.intake.conftest import BODY, Running
from tests.integration.intake.erasing import erase

GUIDE = (Path(__file__).parents[3] / "docs" / "integrators.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d{3}) \| (.*?) \| (.*?) \|$", GUIDE, re.MULTILINE)


async def filed(intake: Running) -> None:
    key = str(uuid4())
    first, again = await intake.post(key=key), await intake.post(key=key)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content and first.headers["location"] == again.headers["location"]
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    at_once = str(uuid4())
    answers = await asyncio.gather(*(intake.post(key=at_once) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201} and len({answer.content for answer in answers}) == 1


async def refused_then_filed(intake: Running, status: int, refused: dict[str, Any], mended: dict[str, Any]) -> None:
    """The refusal, and that its key was not used."""
    key = str(uuid4())
    answer = await intake.post(key=key, **refused)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await intake.post(key=key, **mended)).status_code == 201
    assert intake.count("complaint") == 1


async def no_key(intake: Running) -> None:
    for key in ("x", "00000000-0000-0000-0000-000000000000"):
        assert (await intake.post(key=key)).status_code == 400


async def wrong_credential(intake: Running) -> None:
    await refused_then_filed(intake, 401, {"headers": {"Authorization": "Bearer x"}}, {})


async def wrong_channel(intake: Running) -> None:
    await refused_then_filed(intake, 403, {"channel": "phone"}, {})


async def too_large(intake: Running) -> None:
    await refused_then_filed(intake, 413, {"body": BODY | {"text": "x" * 70_000}}, {})


async def wrong_type(intake: Running) -> None:
    compressed = await intake.post(headers={"Content-Encoding": "gzip"})
    assert compressed.status_code == 415 and compressed.headers["accept-encoding"] == "identity"
    await refused_then_filed(intake, 415, {"headers": {"Content-Type": "text/plain"}}, {})


async def wrong_field(intake: Running) -> None:
    await refused_then_filed(intake, 422, {"body": BODY | {"text": ""}}, {})


async def used_key(intake: Running) -> None:
    key, other = str(uuid4()), BODY | {"text": "另一件事"}
    await intake.post(key=key)
    answer = await intake.post(other, key=key)
    assert answer.status_code == 422 and answer.json()["type"] == "urn:redress:problem:idempotency-key-reused"
    assert (await intake.post(other)).status_code == 201


async def too_fast(intake: Running) -> None:
    intake.database.execute("UPDATE intake.client SET rate = 2 WHERE name = 'web'")
    key = str(uuid4())
    async with asyncio.timeout(20):
        while (answer := await intake.post(key=key)).status_code != 429:  # until the new rate is read and used up
            assert answer.status_code == 201
            key = str(uuid4())
            await asyncio.sleep(0)
        assert int(answer.headers["retry-after"]) >= 1
        before = intake.count("complaint")
        while (answer := await intake.post(key=key)).status_code == 429:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert answer.status_code == 201 and intake.count("complaint") == before + 1


async def away(intake: Running) -> None:
    key = str(uuid4())
    blocker = await intake.service.database.connect()
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE complaint")
            answer = await intake.post(key=key)
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    finally:
        await blocker.close()
    assert (await intake.post(key=key)).status_code == 201
    assert intake.count("complaint") == 1


async def erased(intake: Running) -> None:
    key = str(uuid4())
    told = (await intake.post(key=key)).json()
    await erase(intake, told["reference"])
    answer = await intake.post(key=key)
    assert answer.status_code == 410 and answer.json()["type"] == "urn:redress:problem:erased"
    assert intake.count("complaint") == 1


TRIED: dict[tuple[str, str], Callable[[Running], Awaitable[None]]] = {
    ("201", ""): filed,
    ("400", ""): no_key,
    ("401", ""): wrong_credential,
    ("403", ""): wrong_channel,
    ("410", ""): erased,
    ("413", ""): too_large,
    ("415", ""): wrong_type,
    ("422", "`invalid`"): wrong_field,
    ("422", "`idempotency-key-reused`"): used_key,
    ("429", ""): too_fast,
    ("503", ""): away,
}


TRIED_AT_THE_DOOR = {("408", "")}
"""What the server itself answers, before the service: `tests/integration/door/test_limits.py` tries it over a socket."""


def test_every_row_of_the_guide_is_tried() -> None:
    known = (*TRIED, *TRIED_AT_THE_DOOR)
    told = {
        (status, next((mark for s, mark in known if s == status and mark in means), "?")) for status, means, _ in ROWS
    }
    assert told == set(known)
    assert "408" in (Path(__file__).parents[1] / "door" / "test_limits.py").read_text("utf-8")
    same_key = {status for status, _, do in ROWS if "same key" in do}
    assert same_key == {"408", "413", "415", "422", "429", "503"}


@pytest.mark.parametrize("row", TRIED, ids=" ".join)
async def test_a_row_of_the_guide_is_true(start: Any, row: tuple[str, str]) -> None:
    async with start(intake_commit_seconds=0.5 if row[0] == "503" else 5, intake_keys_seconds=0.1) as intake:
        await TRIED[row](intake)


@pytest.mark.parametrize(
    ("accepts", "language", "expected"),
    [
        ("en-GB,en;q=0.9", "zh", "en"),
        ("zh-CN", "en", "zh-Hans"),
        ("fr, en;q=0.5", "zh", "en"),
        ("*", "en", "en"),
        ("fr", "en", "en"),
        ("en;q=0", "zh", "zh-Hans"),
        (None, "en", "en"),
        (None, "zh", "zh-Hans"),
    ],
)
async def test_every_refusal_is_in_the_language_the_guide_says(
    intake: Running, accepts: str | None, language: str, expected: str
) -> None:
    headers = {"Accept-Language": accepts} if accepts else {}
    body = BODY | {"language": language}
    old = body | {"received_at": "2020-01-01T00:00:00Z"}
    for refused in (
        {"body": body | {"text": ""}},
        {"body": old},
        {"body": body, "channel": "phone"},
        {"body": body, "key": "x"},
        {"body": body, "headers": {"Authorization": "Bearer x"}},
    ):
        answer = await intake.post(**(refused | {"headers": refused.get("headers", {}) | headers}))  # type: ignore[arg-type]
        assert answer.status_code >= 400
        assert answer.headers["content-language"] == expected, answer.text
        for error in answer.json().get("errors", ()):
            assert bool(re.search("[\u4e00-\u9fff]", error["detail"])) == (expected != "en"), answer.text
