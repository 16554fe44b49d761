"""JSON beyond the model: what is said twice, cut, no number or too deep is found at its field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.intake.domain.complaint import Complaint
from services.intake.http.exact_json import entries_of, faults_in, is_exact

COMPLAINT = TypeAdapter(Complaint)
GOOD = '{"channel":"web","language":"en","text":"No parcel.","consent":true,"customer":{"name":"Ann","email":null}}'


def found(raw: str) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in faults_in(raw.encode(), "en")}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"text":"a","text":"b"}', {("/text", "said_twice")}),
        ('{"text":"a","te\\u0078t":"b"}', {("/text", "said_twice")}),
        ('{"customer":{"name":"a","name":"a"}}', {("/customer/name", "said_twice")}),
        ('{"text":"cut \\ud83d"}', {("/text", "half_character")}),
        ('{"text":"\\udca9\\ud83d"}', {("/text", "half_character")}),
        ('{"text":"whole \\ud83d\\udca9"}', set()),
        ('{"\\ud83d":1}', {("/?", "half_character")}),
        ('{"a":[1,NaN,-Infinity]}', {("/a/1", "not_a_number"), ("/a/2", "not_a_number")}),
        ('{"a":1e999}', {("/a", "not_a_number")}),
        ('{"a":' + "9" * 5_000 + "}", {("/a", "not_a_number")}),
        ('{"a":' + "[" * 100_000, {("", "too_deep")}),
        ('{"a":' + "[" * 30 + "]" * 30 + "}", {("/a" + "/0" * 20, "too_deep")}),
        ("nonsense", set()),
        (GOOD, set()),
    ],
)
def test_what_a_lenient_parser_takes_is_found_at_its_field(raw: str, expected: set[tuple[str, str]]):
    assert found(raw) == expected


@given(
    st.fixed_dictionaries(
        {"channel": st.just("web"), "language": st.sampled_from(["zh", "en"]), "text": st.text(min_size=1).map("x".__add__)},
        optional={
            "consent": st.booleans(), "title": st.just('a "title"'), "customer": st.just({"name": "Ann"}),
            "received_at": st.just("2026-03-01T09:30:00+08:00"), "wanted": st.none() | st.just("refund"),
        },
    ),
    st.sampled_from(["channel", "language", "text", "consent", "customer"]),
)  # fmt: skip
def test_the_quick_look_never_overlooks_a_key_too_many(body: dict[str, Any], twice: str):
    try:
        complaint = COMPLAINT.validate_json(json.dumps(body))
    except ValueError:
        return  # control characters and the like: refused anyway
    raw = json.dumps(body)
    assert faults_in(raw.encode(), "en") == ()
    doubled = raw[:-1] + f', "{twice}": {json.dumps(body.get(twice, True))}' + "}"
    if twice in body:
        assert not is_exact(doubled.encode(), COMPLAINT.validate_json(doubled))
    assert is_exact(raw.encode(), complaint) == ('"' not in body["text"] and "title" not in body)


@given(
    st.lists(
        st.dictionaries(st.text(), st.text() | st.lists(st.text(), max_size=2), max_size=3), min_size=1, max_size=9
    )
)
def test_entries_are_cut_out_as_they_are(entries: list[Any]):
    cut = entries_of(json.dumps({"complaints": entries}).encode())
    assert cut is not None and [json.loads(one) for one in cut] == entries


@pytest.mark.parametrize(
    "raw",
    ["", "{}", "[]", '{"complaints":[]}', '{"complaints":[{}],"x":1}', '{"complaints":[{}]', '{"complaints":[{},]}',
     '{"complaints":[{"a":"]}', '{"complaints":[{}]}x', '{"complaints":[' + '"\\"' * 100_000],
)  # fmt: skip
def test_what_is_no_batch_is_not_cut(raw: str):
    assert entries_of(raw.encode()) is None


def test_more_entries_than_a_batch_may_have_are_not_cut():
    assert entries_of(b'{"complaints":[' + b",".join([b"{}"] * 501) + b"]}") is None
