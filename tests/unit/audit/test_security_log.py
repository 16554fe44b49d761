"""I21: the security log only grows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.audit.changes import Broken, assert_caught

BROKEN: Broken = {
    "a line was edited": ("I21", lambda seen: replace(seen, broken_lines=(3,)), "changed at line 3"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])
