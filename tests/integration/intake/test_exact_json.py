"""B6: one cut emoji, NaN or doubled key costs at most its own entry, and is told at its field."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.intake.conftest import BODY, Running

ENTRY = BODY | {"channel": "store", "language": "en"}


def raw_entry(**fields: Any) -> str:
    return json.dumps(ENTRY | {"idempotency_key": str(uuid4())} | fields)


ODD = {
    "half a character": (raw_entry(text="cut")[:-1] + ', "title": "\\ud83d"}', "/title", "half_character"),
    "a doubled key": (raw_entry()[:-1] + ', "text": "again"}', "/text", "said_twice"),
    "a doubled key that is spelt otherwise": (raw_entry()[:-1] + ', "te\\u0078t": "again"}', "/text", "said_twice"),
    "NaN": (raw_entry()[:-1] + ', "title": NaN}', "/title", None),
    "a number beyond counting": (raw_entry()[:-1] + f', "title": {"9" * 5000}}}', "/title", None),
    "too deep": (raw_entry()[:-1] + f', "title": {"[" * 500}{"]" * 500}}}', None, "too_deep"),
    "bytes that are no UTF-8": (raw_entry(text="\u00e9")[:-1] + ', "title": "\udcff"}', None, None),
    "no JSON": ('{"text": nonsense}', None, "not_json"),
}


@pytest.mark.parametrize("what", ODD)
async def test_one_odd_entry_costs_only_itself(intake: Running, what: str):
    odd, pointer, code = ODD[what]
    good = [raw_entry() for _ in range(499)]
    raw = ('{"complaints": [' + ",".join([*good[:250], odd, *good[250:]]) + "]}").encode("utf-8", "surrogateescape")
    answer = await intake.call(
        "POST", "/v1/complaints:batch", channel="store", content=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201] * 250 + [422] + [201] * 249
    told = results[250]["problem"]["errors"]
    assert pointer in {None, *(one["pointer"] for one in told)} and code in {None, *(one["code"] for one in told)}, told
    assert intake.count("complaint") == 499


@pytest.mark.parametrize("what", [name for name in ODD if "UTF-8" not in name])
async def test_alone_it_is_refused_at_its_field(intake: Running, what: str):
    odd, pointer, code = ODD[what]
    body = odd.replace('"channel": "store"', '"channel": "web"')
    body = (
        body[: body.index(', "idempotency_key"')] + body[body.index(', "idempotency_key"') + 59 :]
        if 'key"' in body
        else body
    )
    answer = await intake.call(
        "POST", "/v1/complaints", content=body.encode(), key=str(uuid4()),
        headers={"Content-Type": "application/json", "Accept-Language": "en"},
    )  # fmt: skip
    assert answer.status_code == 422, answer.text
    told = answer.json()["errors"]
    assert pointer in {None, *(one["pointer"] for one in told)} and code in {None, *(one["code"] for one in told)}, told
    assert intake.count("complaint") == 0


async def test_quotation_marks_in_a_text_are_no_doubled_keys(intake: Running):
    answer = await intake.post(BODY | {"text": 'They said "tomorrow", and "text": again.'})
    assert answer.status_code == 201


async def test_an_addition_says_its_text_once(intake: Running):
    filed = (await intake.post()).json()["complaint_id"]
    for action, body in (("amend", '{"text":"a","text":"b"}'), ("withdraw", '{"reason":"a","reason":"b"}')):
        answer = await intake.call(
            "POST", f"/v1/complaints/{filed}/{action}", content=body, key=str(uuid4()),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "said_twice"
