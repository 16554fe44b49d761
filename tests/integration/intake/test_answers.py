"""What a caller who did something wrong hears: status, which field, why, in the caller's language."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from services.intake.domain.complaint import MAX_BODY_BYTES
from services.intake.http.front import Front
from tests.integration.intake.conftest import BODY, Running


def problem_of(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["type"]) == (status, f"urn:redress:problem:{slug}")
    return told


async def test_a_bad_field_is_named_in_the_language_of_the_body(intake: Running):
    body = BODY | {"customer": {"phone": "12"}, "foo": 1}
    told = problem_of(await intake.post(body), 422, "invalid")
    assert [(e["field"], e["pointer"], e["code"]) for e in told["errors"]] == [
        ("customer.phone", "/customer/phone", "phone"),
        ("foo", "/foo", "unknown_field"),
    ]
    assert "电话" in told["errors"][0]["detail"]
    told = problem_of(await intake.post(body | {"language": "en"}), 422, "invalid")
    assert "phone number" in told["errors"][0]["detail"]
    assert intake.count("complaint") == 0


async def test_a_body_that_tells_no_language_is_answered_in_the_accepted_one(intake: Running):
    for accepted, words in (("en-GB,en;q=0.9", "The body is not valid JSON"), ("zh-CN", "不是有效的 JSON")):
        raw = await intake.http.post(
            "/v1/complaints",
            content=b"{",
            headers={
                "Authorization": f"Bearer {intake.keys['web']}",
                "Idempotency-Key": str(uuid4()),
                "Accept-Language": accepted,
            },
        )
        told = problem_of(raw, 422, "invalid")
        assert words in told["errors"][0]["detail"]


@pytest.mark.parametrize(("language", "title"), [("en", "missing or not valid"), ("zh", "无效"), ("fr", "无效")])
async def test_who_accepts_no_language_is_answered_in_that_of_the_body(intake: Running, language: str, title: str):
    body = BODY | {"language": language}
    no_key = await intake.http.post(
        "/v1/complaints", json=body, headers={"Authorization": f"Bearer {intake.keys['web']}"}
    )
    no_credential = await intake.http.post("/v1/complaints", json=body, headers={"Idempotency-Key": str(uuid4())})
    assert title in problem_of(no_key, 400, "idempotency-key-missing")["title"]
    assert title in problem_of(no_credential, 401, "not-authorised")["title"]
    assert no_key.headers["content-language"] == ("en" if language == "en" else "zh-Hans")


async def test_the_language_that_is_accepted_comes_before_that_of_the_body(intake: Running):
    for accepted, title in (("en", "missing or not valid"), ("zh-CN", "无效")):
        body = BODY | {"language": "zh" if accepted == "en" else "en"}
        headers = {"Authorization": f"Bearer {intake.keys['web']}", "Accept-Language": accepted}
        answer = await intake.http.post("/v1/complaints", json=body, headers=headers)
        assert title in problem_of(answer, 400, "idempotency-key-missing")["title"]


async def test_a_body_that_is_none_or_never_ends_gets_the_usual_language(intake: Running):
    async def dribbling():
        yield b'{"language": "en", '
        await asyncio.sleep(60)

    for content in (b"", b"{", b"[]", b'{"language": ["en"]}', b"x" * 70_000, dribbling()):
        answer = await intake.http.post("/v1/complaints", content=content)
        assert "无效" in problem_of(answer, 401, "not-authorised")["title"]


@pytest.mark.parametrize("key", ["", "abc", "12345", "0" * 36, '"' + "z" * 36 + '"'], ids=repr)
async def test_a_missing_or_malformed_idempotency_key_is_400(intake: Running, key: str):
    headers = {"Authorization": f"Bearer {intake.keys['web']}"} | ({"Idempotency-Key": key} if key else {})
    problem_of(await intake.http.post("/v1/complaints", json=BODY, headers=headers), 400, "idempotency-key-missing")


async def test_a_quoted_key_is_the_same_key(intake: Running):
    key = str(uuid4())
    first = await intake.post(key=key)
    assert (await intake.post(key=f'"{key}"')).content == first.content
    assert (await intake.post(key=key.upper())).content == first.content


@pytest.mark.parametrize("credential", [None, "", "Bearer", "Bearer x", "Basic abc", "Bearer rk_" + "A" * 43], ids=repr)
async def test_a_wrong_credential_is_401_with_a_challenge(intake: Running, credential: str | None):
    headers = {"Idempotency-Key": str(uuid4())} | ({"Authorization": credential} if credential is not None else {})
    answer = await intake.http.post("/v1/complaints", json=BODY, headers=headers)
    problem_of(answer, 401, "not-authorised")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_body_beyond_64_kib_is_413_whether_it_says_its_length_or_not(intake: Running):
    huge = json.dumps(BODY | {"text": "x" * MAX_BODY_BYTES}).encode()
    headers = {"Authorization": f"Bearer {intake.keys['web']}", "Idempotency-Key": str(uuid4())}
    problem_of(await intake.http.post("/v1/complaints", content=huge, headers=headers), 413, "too-large")

    async def in_pieces():
        for start in range(0, len(huge), 8_192):
            yield huge[start : start + 8_192]

    problem_of(await intake.http.post("/v1/complaints", content=in_pieces(), headers=headers), 413, "too-large")
    assert intake.count("complaint") == 0


async def test_the_largest_text_fits_even_when_every_character_is_escaped(intake: Running):
    raw = json.dumps(BODY | {"text": "诉" * 10_000}, ensure_ascii=True).encode()
    headers = {"Authorization": f"Bearer {intake.keys['web']}", "Idempotency-Key": str(uuid4())}
    assert len(raw) > 60_000
    assert (await intake.http.post("/v1/complaints", content=raw, headers=headers)).status_code == 201


async def test_a_body_in_pieces_is_put_together(intake: Running):
    raw = json.dumps(BODY).encode()
    headers = {"Authorization": f"Bearer {intake.keys['web']}", "Idempotency-Key": str(uuid4())}

    async def in_pieces():
        for start in range(0, len(raw), 10):
            yield raw[start : start + 10]

    assert (await intake.http.post("/v1/complaints", content=in_pieces(), headers=headers)).status_code == 201


async def test_a_key_files_for_its_own_channel_only(intake: Running):
    told = problem_of(await intake.post(channel="phone"), 403, "not-allowed")
    assert told["errors"][0]["pointer"] == "/channel"


async def test_a_device_of_one_store_cannot_file_for_another(start: Any):
    async with start(clients={"till-7": {"channel": "store", "store_id": "S7"}}) as intake:
        body = BODY | {"channel": "store"}
        told = problem_of(await intake.post(body | {"store_id": "S8"}, channel="till-7"), 403, "not-allowed")
        assert told["errors"][0]["pointer"] == "/store_id"
        assert (await intake.post(body, channel="till-7")).status_code == 201
        assert intake.rows("SELECT store_id FROM intake.complaint")[0]["store_id"] == "S7"


async def test_the_key_of_another_client_never_gives_the_link(start: Any):
    async with start(clients={"other": {}}) as intake:
        key = str(uuid4())
        mine = (await intake.post(key=key)).json()
        theirs = await intake.post(key=key, channel="other")
        assert theirs.status_code == 201
        assert theirs.json()["progress_url"] != mine["progress_url"]
        assert theirs.json()["complaint_id"] != mine["complaint_id"]
        assert intake.count("complaint") == 2


async def test_a_client_with_a_rate_hears_429_and_when_to_come_back(start: Any):
    async with start(clients={"slow": {"rate": 1.0}}) as intake:
        answers = [await intake.post(channel="slow") for _ in range(4)]
        assert [a.status_code for a in answers] == [201, 201, 429, 429]
        problem_of(answers[-1], 429, "too-many")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await intake.post()).status_code == 201


async def test_no_answer_repeats_what_was_sent(intake: Running):
    marker = "MARKERxyz"
    body = BODY | {"channel": marker, "category": marker + "!", "customer": {"email": marker, "name": marker + "\x00"}}
    answer = await intake.post(body)
    assert answer.status_code == 422 and marker not in answer.text
    assert marker not in (await intake.post(headers={"Authorization": f"Bearer {marker}"})).text


async def test_the_short_way_and_the_applications_own_route_give_the_same_answers(start: Any):
    async with start() as short, start() as long:
        app = long.service.app
        assert isinstance(app.middleware_stack, Front)
        app.middleware_stack = app.build_middleware_stack()
        key = str(uuid4())
        sent: list[dict[str, Any]] = [
            {"json": BODY},
            {"json": BODY, "headers": {"Idempotency-Key": "x"}},
            {"json": BODY, "headers": {"Authorization": "Bearer no"}},
            {"json": BODY | {"text": ""}},
            {"json": BODY | {"channel": "store"}},
            {"json": []},
            {"content": b"{"},
            {"content": b"x" * 70_000},
            {"json": BODY, "headers": {"Idempotency-Key": key}},
            {"json": BODY | {"text": "other"}, "headers": {"Idempotency-Key": key}},
        ]
        for request in sent:
            answers = []
            for side in (short, long):
                headers = {"Authorization": f"Bearer {side.keys['web']}", "Idempotency-Key": str(uuid4())}
                answers.append(
                    await side.http.post(
                        "/v1/complaints", **(request | {"headers": headers | request.get("headers", {})})
                    )
                )
            one, other = answers
            assert one.status_code == other.status_code, request
            assert one.headers["content-type"] == other.headers["content-type"]
            if one.status_code != 201:
                assert one.json() | {"request_id": 0} == other.json() | {"request_id": 0}


async def test_requests_are_counted_by_client_and_answer(intake: Any):
    def counted(status: int) -> float:
        labels = {"client": "web", "status": str(status)}
        return REGISTRY.get_sample_value("redress_channel_requests_total", labels) or 0

    before = counted(201), counted(422)
    await intake.post()
    await intake.post(BODY | {"text": ""})
    await intake.post(headers={"Authorization": "Bearer nobody"})
    assert (counted(201) - before[0], counted(422) - before[1]) == (1, 1)
