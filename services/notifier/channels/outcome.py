"""What became of an attempt to hand a message over."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The four ways an attempt can end (promises.md I9)."""

    SENT = "sent"
    """The server took responsibility for the message."""
    TRANSIENT = "transient"
    """It certainly did not; the same attempt may succeed later."""
    PERMANENT = "permanent"
    """It never will."""
    UNKNOWN = "unknown"
    """The whole message was written, and the answer was lost: it may or may not have been taken."""


class Stage(StrEnum):
    """How far an attempt came."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one attempt.

    Attributes:
        reason: from a closed form, fit as a metric label: `smtp_550`, `lost_at_rcpt`, `slow_at_dot`, `not_begun`.
        bad_mailbox: the server says that there is no such mailbox; nothing is to be sent there again.
        ours: the server refused for good and spoke of us, not of the recipient: our rights, our sending limit, what we
            write. Tried again, because it can be mended.
    """

    verdict: Verdict
    stage: Stage
    reason: str
    bad_mailbox: bool = False
    ours: bool = False


SENT = Outcome(verdict=Verdict.SENT, stage=Stage.DOT, reason="sent")
NOT_BEGUN = Outcome(verdict=Verdict.TRANSIENT, stage=Stage.CONNECT, reason="not_begun")
