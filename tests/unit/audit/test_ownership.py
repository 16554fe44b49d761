"""I2: every accepted complaint has exactly one owner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.audit.changes import Broken, assert_caught, case
from tests.unit.audit.healthy import plus, told

BROKEN: Broken = {
    "no owner": ("I2", lambda seen: replace(seen, cases={}), "no department owns it"),
    "empty owner": ("I2", lambda seen: case(seen, department=""), "names no department"),
    "another owner than told": ("I2", lambda seen: case(seen, department="billing"), "told was delivery"),
    "an owner that does not exist": (
        "I2",
        lambda seen: replace(case(seen, state="accepted"), departments=frozenset({"billing"})),
        "no department of the policies",
    ),
    "an epoch nobody told": ("I2", lambda seen: case(seen, epoch=2), "in epoch 2"),
    "two assignments of one epoch": (
        "I2",
        lambda seen: plus(
            seen,
            told(70, "routing", "complaint.assigned", 7, epoch=1, department="billing", previous_department=None),
        ),
        "has the epoch 1",
    ),
    "an assignment out of the blue": (
        "I2",
        lambda seen: plus(
            seen,
            told(70, "routing", "complaint.assigned", 7, epoch=2, department="x", previous_department="billing"),
        ),
        "does not follow",
    ),
    "owned, never accepted": ("I2", lambda seen: replace(seen, complaints={}), "never accepted by intake"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])
