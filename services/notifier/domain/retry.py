"""When a message that did not go through is tried again, and when no more."""

from datetime import datetime, timedelta
from uuid import UUID

GIVE_UP_AFTER = timedelta(hours=24)
"""From the moment the notice became due; then a person has to reach the customer (promises.md, row 45)."""
_FIRST, _LONGEST = timedelta(seconds=15), timedelta(minutes=30)


def next_look(*, now: datetime, due_since: datetime, notice_id: UUID) -> datetime | None:
    """When to look again at a notice that could not be written, so that nothing was tried; none when the time is up.

    After as long as it has waited already, 15 s to 30 min: the pauses grow without anybody counting looks.
    """
    pause = min(max(now - due_since, _FIRST), _LONGEST)
    at = now + pause + pause * (notice_id.int % 251) / 1004
    return at if at <= due_since + GIVE_UP_AFTER else None


def next_try(attempts: int, *, now: datetime, due_since: datetime, notice_id: UUID) -> datetime | None:
    """When to try again after `attempts` attempts; none when the time is up.

    15 s, 30 s, 1 min, … 30 min, each shifted by up to a quarter, so that what failed together does not return together.
    The shift comes from the notice's id: no randomness, yet different for each.
    """
    pause = min(_FIRST * 2 ** min(max(attempts - 1, 0), 10), _LONGEST)
    at = now + pause + pause * (notice_id.int % 251) / 1004
    return at if at <= due_since + GIVE_UP_AFTER else None
