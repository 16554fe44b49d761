"""The body of `POST /v1/complaints`: what is taken, what is refused, and with which words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.intake.domain.complaint import Batch, Complaint
from services.intake.domain.faults import faults_of, pointer_to
from services.intake.domain.wording import FAULTS, PROBLEMS

COMPLAINT = TypeAdapter(Complaint)
LEAST = {"channel": "web", "language": "zh", "text": "快递延误三天"}


def parse(**fields: object) -> Complaint:
    return COMPLAINT.validate_json(json.dumps({**LEAST, **fields}))


def faults(**fields: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        parse(**fields)
    return {fault.pointer: fault.code for fault in faults_of(caught.value, "en")}


def test_the_least_complaint_is_channel_language_and_text():
    complaint = parse()
    assert (complaint.channel, complaint.language, complaint.text) == ("web", "zh", "快递延误三天")
    assert complaint.customer.email is None and complaint.consent


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"channel": "fax"}, {"/channel": "not_one_of"}),
        ({"language": "ZH"}, {"/language": "not_one_of"}),
        ({"text": ""}, {"/text": "blank"}),
        ({"text": " \n\t "}, {"/text": "blank"}),
        ({"text": "\u200b\u2060\u3164", "title": "\ufe0f"}, {"/text": "blank", "/title": "blank"}),
        ({"text": "x" * 10_001}, {"/text": "too_long"}),
        ({"text": 5}, {"/text": "not_text"}),
        ({"text": "a\x00b"}, {"/text": "control_character"}),
        ({"text": "a\x1b[31mb"}, {"/text": "control_character"}),
        ({"title": "two\nlines"}, {"/title": "control_character"}),
        ({"title": "re\u202everse"}, {"/title": "control_character"}),
        ({"customer": {"name": "A\r\nBcc: x"}}, {"/customer/name": "control_character"}),
        ({"customer": {"email": "a@b"}}, {"/customer/email": "email"}),
        ({"customer": {"phone": "12"}}, {"/customer/phone": "phone"}),
        ({"customer": {"mail": "a@b.c"}}, {"/customer/mail": "unknown_field"}),
        ({"customer": None}, {"/customer": "not_an_object"}),
        ({"customer": []}, {"/customer": "not_an_object"}),
        ({"category": "Slow Delivery"}, {"/category": "not_a_code"}),
        ({"order_id": "a b"}, {"/order_id": "not_a_code"}),
        ({"received_at": "2026-01-01T10:00:00"}, {"/received_at": "no_time_zone"}),
        ({"received_at": 1_700_000_000}, {"/received_at": "not_a_moment"}),
        ({"received_at": "yesterday"}, {"/received_at": "not_a_moment"}),
        ({"consent": "yes"}, {"/consent": "not_boolean"}),
        ({"wanted": "blood"}, {"/wanted": "not_one_of"}),
        ({"repeat_of": "R-0000-0000"}, {"/repeat_of": "reference"}),
        ({"call_back": {"number": "x"}}, {"/call_back/number": "phone"}),
        ({"on_behalf_of": {}}, {"/on_behalf_of/name": "required"}),
        ({"a/b~c": 1}, {"/a~1b~0c": "unknown_field"}),
        ({"text": None, "x": 1}, {"/text": "not_text", "/x": "unknown_field"}),
    ],
    ids=str,
)
def test_a_bad_field_is_named_with_the_reason(fields: dict[str, object], expected: dict[str, str]):
    assert faults(**fields) == expected


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 400, b'{"text":"\\ud800"}'], ids=repr)
def test_what_is_not_json_is_one_fault_of_the_whole_body(raw: bytes):
    with pytest.raises(ValidationError) as caught:
        COMPLAINT.validate_json(raw)
    (fault,) = faults_of(caught.value, "zh")
    assert (fault.pointer, fault.code) == ("", "not_json")


def test_reasons_come_in_the_callers_language_and_repeat_no_input():
    with pytest.raises(ValidationError) as caught:
        parse(text="MARKER\x00", customer={"email": "MARKER@x"}, channel="MARKER")
    zh = [f.detail for f in faults_of(caught.value, "zh")]
    en = [f.detail for f in faults_of(caught.value, "en")]
    assert "含有控制字符或此处不允许的换行。" in zh
    assert "Must be one of: web, phone, store." in en
    assert "应为以下之一：web、phone、store。" in zh
    assert not any("MARKER" in text for text in zh + en)


def test_every_sentence_stands_in_both_languages():
    for texts in [*FAULTS.values(), *(t for _, *pair in PROBLEMS.values() for t in pair)]:
        assert texts.zh and texts.en and texts.zh != texts.en
        assert any("\u4e00" <= character <= "\u9fff" for character in texts.zh)
        assert not any("\u4e00" <= character <= "\u9fff" for character in texts.en)


def test_at_most_twenty_faults_are_listed():
    assert len(faults(**{f"x{n}": n for n in range(100)})) == 20


def test_text_is_kept_in_one_normal_form():
    complaint = parse(text="  cafe\u0301\r\nnext  ", title=" \uff21 ")
    assert complaint.text == "café\nnext"
    assert complaint.title == "\uff21"  # NFC, not NFKC: the customer's own characters stay


def test_contacts_are_kept_in_one_spelling():
    customer = parse(customer={"email": " Wang@EXAMPLE.com", "phone": "138 1234-5678"}).customer
    assert customer.email == "Wang@example.com"
    assert customer.phone == "+8613812345678"


def test_a_batch_names_the_entry_that_is_wrong():
    key = "018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11"
    good = {**LEAST, "idempotency_key": key}
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Batch).validate_json(json.dumps({"complaints": [good, {**good, "idempotency_key": "x"}]}))
    assert [(f.pointer, f.code) for f in faults_of(caught.value, "en")] == [
        ("/complaints/1/idempotency_key", "not_a_uuid")
    ]


def test_a_batch_has_one_to_five_hundred_entries():
    item = {**LEAST, "idempotency_key": "018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11"}
    for count, code in ((0, "too_few"), (501, "too_many")):
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(Batch).validate_json(json.dumps({"complaints": [item] * count}))
        assert faults_of(caught.value, "en")[0].code == code


def test_pointers_escape_what_rfc_6901_reserves():
    assert pointer_to(("a/b", 0, "~")) == "/a~1b/0/~0"
    assert pointer_to(()) == ""


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_any_json_is_taken_or_refused_with_known_faults(value: object):
    try:
        COMPLAINT.validate_json(json.dumps(value))
    except ValidationError as error:
        found = faults_of(error, "zh")
        assert found
        assert {fault.code for fault in found} <= FAULTS.keys() - {"not_acceptable"}


@given(st.sampled_from(sorted(Complaint.model_fields)), JSON_VALUES)
def test_any_value_in_any_field_is_taken_or_refused_with_known_faults(field: str, value: object):
    try:
        parse(**{field: value})
    except ValidationError as error:
        assert {fault.code for fault in faults_of(error, "en")} <= FAULTS.keys() - {"not_acceptable"}


@given(st.text(min_size=1, max_size=200))
def test_accepted_text_is_normal_and_free_of_control_characters(text: str):
    import unicodedata

    try:
        kept = parse(text=text).text
    except ValidationError:
        return
    assert unicodedata.is_normalized("NFC", kept)
    assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in kept)
