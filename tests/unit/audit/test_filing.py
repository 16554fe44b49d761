"""I1: what was answered is what is stored, once per key."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from deploy.audit.client_log import Answer
from deploy.audit.invariants import filing
from deploy.audit.snapshot import KeyRow
from tests.unit.audit.changes import OTHER, Broken, Tolerated, answers, assert_caught, assert_silent, complaint
from tests.unit.audit.healthy import COMPLAINT, KEY, plus, told, world

BROKEN: Broken = {
    "answered, not stored": ("I1", answers((201, OTHER)), "no such complaint exists"),
    "one key, two complaints answered": ("I1", answers((201, COMPLAINT), (201, OTHER)), "several complaints"),
    "refused, yet stored": ("I1", answers((422, None)), "only ever refused"),
    "answered with another reference": (
        "I1",
        lambda seen: complaint(seen, reference="R-XXXX-XXXX"),
        "answered with the reference",
    ),
    "one key, two complaints stored": (
        "I1",
        lambda seen: replace(seen, keys=(*seen.keys, KeyRow("shop", KEY, OTHER))),
        "stands for",
    ),
    "key without a complaint": ("I1", lambda seen: replace(seen, complaints={}), "no complaint exists"),
    "one reference, two complaints": (
        "I1",
        lambda seen: replace(
            seen, complaints={**seen.complaints, OTHER: replace(seen.complaints[COMPLAINT], complaint_id=OTHER)}
        ),
        "is that of",
    ),
    "submitted twice": ("I1", lambda seen: plus(seen, told(70, "intake", "complaint.submitted", 2)), "submitted twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])


TOLERATED: Tolerated = {
    "a complaint without an answer may exist": answers((None, None)),
    "a refusal of a second body beside the first answer": answers((201, COMPLAINT), (422, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_promises_allow_is_not_reported(name: str) -> None:
    assert_silent(TOLERATED[name])


def test_one_key_of_two_clients_may_stand_for_two_complaints_when_the_log_has_no_names() -> None:
    seen = world()
    row = replace(seen.complaints[COMPLAINT], complaint_id=OTHER, reference="R-2222-2222")
    both = replace(
        seen,
        complaints={**seen.complaints, OTHER: row},
        keys=(KeyRow("shop", KEY, COMPLAINT), KeyRow("till", KEY, OTHER)),
        answers=tuple(Answer(client=None, key=KEY, status=201, complaint_id=found) for found in (COMPLAINT, OTHER)),
    )
    assert list(filing.check(both)) == []
    one_client = replace(both, keys=(KeyRow("shop", KEY, COMPLAINT), KeyRow("shop", UUID(int=78), OTHER)))
    assert [violation.what for violation in filing.check(one_client)] == [
        f"the key {KEY} was answered with several complaints"
    ]
