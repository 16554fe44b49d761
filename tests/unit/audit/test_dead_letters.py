"""I11: poison is kept once, with its bytes."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from deploy.audit.snapshot import DeadRecord
from tests.unit.audit.changes import Broken, assert_caught

BROKEN: Broken = {
    "poison nobody kept": ("I11", lambda seen: replace(seen, dead_letters=()), "in no dead-letter table"),
    "poison one consumer dropped": (
        "I11",
        lambda seen: replace(seen, dead_letters=seen.dead_letters[:1], dead_records=seen.dead_records[:1]),
        "for notifier (bad_json)",
    ),
    "poison kept with other bytes": (
        "I11",
        lambda seen: replace(seen, poison=(replace(seen.poison[0], digest=b"else"),)),
        "stored with other bytes",
    ),
    "poison kept twice": (
        "I11",
        lambda seen: replace(seen, dead_letters=(*seen.dead_letters, replace(seen.dead_letters[0], id=9))),
        "stored twice",
    ),
    "a dead letter never published": ("I11", lambda seen: replace(seen, dead_records=()), "never published"),
    "a dead letter published with other bytes": (
        "I11",
        lambda seen: replace(seen, dead_records=tuple(replace(r, digest=b"x") for r in seen.dead_records)),
        "published with other bytes",
    ),
    "a dead letter from nowhere": (
        "I11",
        lambda seen: replace(
            seen,
            dead_records=(
                *seen.dead_records,
                DeadRecord(consumer="sla", topic="complaints.sla", partition=0, offset=1, digest=b"y"),
            ),
        ),
        "in no table",
    ),
    "a replay without effect": (
        "I11",
        lambda seen: replace(
            seen, dead_letters=tuple(replace(r, replayed=True, event_id=UUID(int=3)) for r in seen.dead_letters)
        ),
        "has not applied it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])
