"""I17: nothing a customer said stands in clear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.audit.snapshot import Leak
from tests.unit.audit.changes import Broken, assert_caught

BROKEN: Broken = {
    "a name in a log": (
        "I17",
        lambda seen: replace(seen, leaks=(Leak("a planted marker", "the log of router"),)),
        "in clear in the log of router",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])
