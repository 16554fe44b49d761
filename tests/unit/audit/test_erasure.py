"""I16: of an erased person nothing is kept, as far as an auditor can know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deploy.audit.report import judge
from deploy.audit.snapshot import ErasedRow, Snapshot
from tests.unit.audit.changes import MAIL, Broken, Change, assert_caught, mails
from tests.unit.audit.healthy import COMPLAINT, RECEIVED, event_id, plus, world


def erased(*left: str, later: timedelta = timedelta()) -> Change:
    return lambda seen: replace(seen, erased={COMPLAINT: ErasedRow(RECEIVED + later, left)})


def _with_a_mail(seen: Snapshot) -> Snapshot:
    return erased()(mails(MAIL)(seen))


BROKEN: Broken = {
    "a text that was left": ("I16", erased("intake holds what they told"), "intake holds what they told"),
    "a key that was left": ("I16", erased("the vault has their key"), "the vault has their key"),
    "a mail that was left": ("I16", _with_a_mail, "a mail to them"),
    "an erasure nobody made": (
        "I16",
        lambda seen: plus(
            seen, replace(seen.told[0], type="person.erased.v1", event_id=event_id(71), offset=71, version=2)
        ),
        "intake erased nobody",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])


def test_who_was_erased_a_moment_ago_is_not_judged() -> None:
    seen = erased("intake holds what they told", later=timedelta(days=30))(world())
    assert not [v for v in judge(seen).violations if v.invariant == "I16"]
    assert judge(erased()(replace(world(), mailbox=()))).counts.get("I16", 0) == 0
