"""Idempotency by meaning: what counts is what a request says, not how it is written (trial B3)."""

import hashlib
import json
import unicodedata
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from services.intake.domain.complaint import BatchItem, Complaint
from services.intake.domain.idempotency import Verdict, as_told, digest, judge

BODY = {"channel": "store", "language": "zh", "text": "坏了", "customer": {"phone": "13812345678"}}
ADAPTER = TypeAdapter(Complaint)


def complaint(**fields: object) -> Complaint:
    return ADAPTER.validate_json(json.dumps({**BODY, **fields}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"received_at": "2026-11-20T10:00:00+08:00"}, {"received_at": "2026-11-20T02:00:00Z"}),
        ({"received_at": "2026-11-20T02:00:00.000000Z"}, {"received_at": "2026-11-19T21:00:00-05:00"}),
        ({"received_at": "2026-11-20T02:00:00+00:00"}, {"received_at": "2026-11-20T02:00:00Z"}),
        ({"text": unicodedata.normalize("NFD", "café")}, {"text": unicodedata.normalize("NFC", "café")}),
        ({"title": None, "consent": True, "call_back": None}, {}),
        ({"customer": {"phone": "+86 138 1234 5678", "email": None}}, {}),
    ],
    ids=str,
)
def test_the_same_said_otherwise_is_the_same(one: dict[str, object], other: dict[str, object]):
    assert digest(complaint(**one)) == digest(complaint(**other))


def test_another_instant_is_another_complaint():
    assert digest(complaint(received_at="2026-11-20T10:00:00Z")) != digest(
        complaint(received_at="2026-11-20T10:00:01Z")
    )


def test_a_digest_stored_by_an_earlier_release_still_matches_its_request():
    """Until this release the offset was part of it; such rows are there for as long as their keys are kept."""
    told = complaint(received_at="2026-11-20T10:00:00+08:00")
    stored = hashlib.sha256(ADAPTER.serializer.to_json(told, exclude_defaults=True)).digest()
    assert stored != digest(told)
    assert judge(stored=stored, sent=digest(told), as_told=as_told(told)) is Verdict.SAME
    other = complaint(received_at="2026-11-20T10:00:00+07:00")
    assert judge(stored=stored, sent=digest(other), as_told=as_told(other)) is Verdict.OTHER_BODY


@pytest.mark.parametrize(
    "told",
    ["1795953966", 1795953966, 1795953966.5, "99999999999999", "-1", "2026-11-20", "2026-W47-5T10:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-20T10:00:00", "", True],
    ids=repr,
)  # fmt: skip
def test_what_is_no_date_and_time_with_a_zone_is_not_taken_for_one(told: object):
    with pytest.raises(ValidationError):
        complaint(received_at=told)


@pytest.mark.parametrize("told", ["2026-11-20T10:00Z", "2026-11-20t10:00:00z", "2026-11-20 10:00:00.5+0800"])
def test_the_usual_ways_to_write_one_are_taken(told: str):
    assert complaint(received_at=told).received_at is not None


def test_the_nil_uuid_is_no_key():
    with pytest.raises(ValidationError):
        TypeAdapter(BatchItem).validate_json(json.dumps({**BODY, "idempotency_key": str(UUID(int=0))}))
