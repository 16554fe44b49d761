"""What tests do to the healthy world. A check that cannot fail is worthless, so each has its violations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from deploy.audit.client_log import Answer
from deploy.audit.report import judge
from deploy.audit.snapshot import Mail, Snapshot
from tests.unit.audit.healthy import COMPLAINT, KEY, MESSAGE_ID, RECEIVED, world

MINUTE = timedelta(minutes=1)
OTHER = UUID(int=COMPLAINT.int + 1)
Change = Callable[[Snapshot], Snapshot]
Broken = Mapping[str, tuple[str, Change, str]]
"""What is done to a healthy world: which invariant it breaks, how, and what the report says of it."""
Tolerated = Mapping[str, Change]


def case(seen: Snapshot, **changes: object) -> Snapshot:
    return replace(seen, cases={COMPLAINT: replace(seen.cases[COMPLAINT], **changes)})  # type: ignore[arg-type]


def complaint(seen: Snapshot, **changes: object) -> Snapshot:
    return replace(seen, complaints={COMPLAINT: replace(seen.complaints[COMPLAINT], **changes)})  # type: ignore[arg-type]


def clock_row(seen: Snapshot, kind: str, **changes: object) -> Snapshot:
    rows = tuple(replace(row, **changes) if row.kind == kind else row for row in seen.clocks)  # type: ignore[arg-type]
    return replace(seen, clocks=rows)


def notice(seen: Snapshot, **changes: object) -> Snapshot:
    return replace(seen, notices=(replace(seen.notices[0], **changes),))  # type: ignore[arg-type]


def answers(*given: tuple[int | None, UUID | None]) -> Change:
    return lambda seen: replace(
        seen,
        answers=tuple(Answer(client="shop", key=KEY, status=status, complaint_id=found) for status, found in given),
    )


def mails(*given: Mail) -> Change:
    return lambda seen: replace(seen, mailbox=given)


MAIL = Mail(message_id=MESSAGE_ID, recipients=("customer@example.com",), subject="s")
DUE = RECEIVED + 45 * MINUTE


def assert_caught(broken: tuple[str, Change, str]) -> None:
    """The report names the violation, under its invariant."""
    invariant, change, said = broken
    found = [violation.what for violation in judge(change(world())).violations if violation.invariant == invariant]
    assert any(said in what for what in found), found


def assert_silent(change: Change) -> None:
    """The report has nothing to say."""
    assert judge(change(world())).violations == ()
