"""I9, I10: one message for one cause, and none to whom must not be written to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from deploy.audit.snapshot import ErasedRow, Suppression
from tests.unit.audit.changes import MAIL, Broken, Tolerated, assert_caught, assert_silent, mails, notice
from tests.unit.audit.healthy import COMPLAINT, MESSAGE_ID, NOW, RECEIVED, event_id, plus, told, without

BROKEN: Broken = {
    # I9
    "two copies of one message": ("I9", mails(MAIL, MAIL), "2 copies"),
    "a message to two people": (
        "I9",
        mails(replace(MAIL, recipients=("a@example.com", "b@example.com"))),
        "has 2 recipients",
    ),
    "two notices for one cause": (
        "I9",
        lambda seen: replace(
            seen, notices=(*seen.notices, replace(seen.notices[0], notice_id=UUID(int=502), message_id="<2@x>"))
        ),
        "for the one cause",
    ),
    "sent, never arrived": ("I9", mails(replace(MAIL, message_id="<other@elsewhere.example>")), "did not arrive"),
    "arrived, never recorded": (
        "I9",
        mails(MAIL, replace(MAIL, message_id="<notice-9@redress.example>")),
        "the ledger does not know it",
    ),
    "sent, never told": ("I9", lambda seen: without(seen, 4), "nobody was told"),
    "told as sent twice": (
        "I9",
        lambda seen: plus(seen, replace(seen.told[3], event_id=event_id(70), version=4, offset=70, cause_id="else")),
        "told as sent twice",
    ),
    # I10
    "sent to a suppressed recipient": (
        "I10",
        lambda seen: replace(seen, suppressions=(Suppression("person-1", RECEIVED, NOW + timedelta(days=30)),)),
        "suppressed recipient",
    ),
    "waiting for an erased person": (
        "I10",
        lambda seen: plus(notice(seen, state="pending", sent_at=None), told(70, "intake", "person.erased", 2)),
        "erased person",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])


TOLERATED: Tolerated = {
    "a second copy where the last answer was lost": lambda seen: plus(
        replace(seen, mailbox=(MAIL, MAIL)),
        told(70, "notices", "notice.unknown", 4, event_id(3), notice="acknowledgement", message_id=MESSAGE_ID,
             notice_id=str(UUID(int=501)), channel="email"),
    ),
    "other people's mail": lambda seen: replace(
        seen, mailbox=(*(seen.mailbox or ()), replace(MAIL, message_id="<hello@elsewhere.example>"))
    ),
    "a suppression after the message": lambda seen: replace(seen, suppressions=(Suppression("person-1", NOW, NOW + timedelta(days=30)),)),
    "a suppression that was over": lambda seen: replace(seen, suppressions=(Suppression("person-1", RECEIVED, RECEIVED),)),
    "their mails went with them when they were erased": lambda seen: replace(
        seen, mailbox=(), erased={COMPLAINT: ErasedRow(RECEIVED, ())}
    ),
    "no mail catcher": lambda seen: replace(seen, mailbox=None, mailbox_whole=False),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_promises_allow_is_not_reported(name: str) -> None:
    assert_silent(TOLERATED[name])
