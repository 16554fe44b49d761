"""When the organisation received a complaint: every legal clock starts there, so it is checked, never guessed."""

from datetime import UTC, datetime, timedelta

from shared.events.intake import OLDEST_RECEIPT_DAYS

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead the clock of a till may run before its time is refused."""

OLDEST = timedelta(days=OLDEST_RECEIPT_DAYS)
"""How long ago a complaint may have been received. Keys are kept a day longer (`shared/runtime/kept.py`)."""


def refusal(received_at: datetime | None, now: datetime) -> str | None:
    """The fault code (`wording.FAULTS`) of a time of receipt that cannot be right, or None."""
    if received_at is None:
        return None
    if received_at - now > CLOCK_SKEW:
        return "in_the_future"
    if now - received_at > OLDEST:
        return "too_long_ago"
    return None


def settle(received_at: datetime | None, now: datetime) -> datetime:
    """The time of receipt in UTC: as told, but never later than now."""
    if received_at is None or received_at > now:
        return now.astimezone(UTC)
    return received_at.astimezone(UTC)
