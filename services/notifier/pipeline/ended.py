"""How a claim can end, and what that means for the ledger. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.notifier.channels.outcome import NOT_BEGUN, Outcome, Verdict
from services.notifier.domain.retry import next_look, next_try
from services.notifier.domain.values import value
from services.notifier.pipeline.claim import Claimed
from services.notifier.store.ledger import Settlement


class State(StrEnum):
    """States of the ledger that a claim can leave behind."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


@value
class Ended:
    """The end of one claim.

    Attributes:
        next_at: when somebody is to look again; none when it is settled.
        tells: whether an event says so: not of a message that only waits for its next attempt.
        bare: an acknowledgement that left without owner and date.
        mailbox: keyed hash of a mailbox that does not exist.
        trace: context of the span that sent it.
    """

    claimed: Claimed
    state: State
    reason: str | None = None
    next_at: datetime | None = None
    resends: int = 0
    tells: bool = True
    message_id: str = ""
    bare: bool = False
    mailbox: bytes | None = None
    trace: str | None = None

    @property
    def settlement(self) -> Settlement:
        """The row's new values."""
        claimed = self.claimed
        return Settlement(
            complaint_id=claimed.complaint_id,
            notice_id=claimed.notice_id,
            lease=claimed.lease,
            state=self.state,
            next_at=self.next_at,
            reason=self.reason,
            resends=self.resends,
        )


def put_back(claimed: Claimed, reason: str, at: datetime) -> Ended:
    """Nothing was sent, through no fault of the message: it waits until `at`."""
    state = State.UNKNOWN if claimed.resends else State.PENDING
    return Ended(claimed=claimed, state=state, reason=reason, next_at=at, resends=claimed.resends, tells=False)


def suppressed(claimed: Claimed, reason: str) -> Ended:
    """The message is not to be sent any more."""
    return Ended(claimed=claimed, state=State.SUPPRESSED, reason=reason, resends=claimed.resends)


def failed(claimed: Claimed, reason: str) -> Ended:
    """The message will never go through."""
    return Ended(claimed=claimed, state=State.FAILED, reason=reason, resends=claimed.resends)


def tried_in_vain(claimed: Claimed, attempts: int, reason: str, now: datetime) -> Ended:
    """Try again later, or give up when a day has passed."""
    at = next_try(attempts, now=now, due_since=claimed.due_since, notice_id=claimed.notice_id)
    return failed(claimed, reason) if at is None else put_back(claimed, reason, at)


def not_written(claimed: Claimed, reason: str, now: datetime) -> Ended:
    """There is no mail to send yet: look again later, or give up when a day has passed."""
    at = next_look(now=now, due_since=claimed.due_since, notice_id=claimed.notice_id)
    return failed(claimed, reason) if at is None else put_back(claimed, reason, at)


def judged(
    claimed: Claimed,
    outcome: Outcome,
    *,
    now: datetime,
    resend_after: timedelta,
    message_id: str = "",
    bare: bool = False,
    trace: str | None = None,
) -> Ended:
    """What an attempt's outcome means. `now` is the database's clock when the notice was claimed, or later."""
    if outcome.verdict is Verdict.SENT:
        return Ended(
            claimed=claimed,
            state=State.SENT,
            resends=claimed.resends,
            message_id=message_id,
            bare=bare,
            trace=trace,
        )
    if outcome is NOT_BEGUN:
        return put_back(claimed, outcome.reason, now)
    if outcome.verdict is Verdict.PERMANENT:
        return replace(failed(claimed, outcome.reason), trace=trace)
    if outcome.verdict is Verdict.TRANSIENT:
        return tried_in_vain(claimed, claimed.attempts + 1, outcome.reason, now)
    again = now + resend_after if claimed.resends == 0 else None
    return Ended(
        claimed=claimed,
        state=State.UNKNOWN,
        reason=outcome.reason,
        next_at=again,
        resends=1,
        message_id=message_id,
        trace=trace,
    )
