"""What `make up` says of its first complaint."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.stack.first import journey_due
from deploy.stack.settings import StackSettings
from deploy.stack.up import _as_customers_read

EARLY = {"kind": "first_response", "due_at": "2026-11-29T06:00:00Z"}
JOURNEY = {"kind": "journey", "due_at": "2026-12-03T14:00:00Z"}


@pytest.mark.parametrize(
    ("case", "due"),
    [
        (None, None),
        ({"due_at": None, "clocks": []}, None),
        ({"due_at": EARLY["due_at"], "clocks": [EARLY]}, None),
        ({"due_at": EARLY["due_at"], "clocks": [EARLY, JOURNEY]}, JOURNEY["due_at"]),
    ],
)
def test_the_date_is_the_one_the_customer_is_told(case: dict[str, Any] | None, due: str | None) -> None:
    assert journey_due(case) == due


def test_the_date_is_told_by_the_wall_clock_of_the_department() -> None:
    told = _as_customers_read("2026-12-03T14:00:00Z", "delivery", StackSettings().policies_dir)
    assert told == "Thursday 3 December 2026, 22:00 (UTC+8)"


def test_a_department_that_the_policies_lack_is_told_in_utc() -> None:
    told = _as_customers_read("2026-12-03T14:00:00Z", "nobody", StackSettings().policies_dir)
    assert told.endswith("14:00 (UTC)")
