"""I15: a private link opens its own complaint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.audit.changes import MAIL, OTHER, Broken, assert_caught, mails
from tests.unit.audit.healthy import COMPLAINT, event_id, plus

BROKEN: Broken = {
    "a link that opens two complaints": (
        "I15",
        lambda seen: plus(
            seen, replace(seen.told[0], complaint_id=OTHER, event_id=event_id(70), offset=70)
        ),
        "opens another complaint",
    ),
    "a mail with somebody else's link": (
        "I15",
        mails(replace(MAIL, tokens=("somebody-elses-long-token",))),
        "not its own",
    ),
    "a short link": ("I15", mails(replace(MAIL, tokens=("short",))), "only 5 characters"),
    "another hash than told": (
        "I15",
        lambda seen: replace(seen, token_hashes={COMPLAINT: "0" * 64}),
        "another hash",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])
