"""I19: one trace per complaint."""

from __future__ import annotations

import pytest

from tests.unit.audit.changes import Broken, assert_caught
from tests.unit.audit.healthy import changed

BROKEN: Broken = {
    "a lost trace": ("I19", lambda seen: changed(seen, 2, traceparent=None), "lost the trace"),
    "another trace": (
        "I19",
        lambda seen: changed(seen, 2, traceparent="00-11111111111111111111111111111111-b7ad6b7169203331-01"),
        "in another trace",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])
