"""Why a notice is not to be sent after all. Decided when it is planned, and again right before it is sent (I10)."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind


class Silence(StrEnum):
    """The closed list of reasons; metric label and `reason` of `notice.suppressed`."""

    NO_CONTACT = "no_contact"
    NO_CONSENT = "no_consent"
    ERASED = "erased"
    BAD_MAILBOX = "bad_mailbox"
    SUPERSEDED = "superseded"
    SWITCHED_OFF = "switched_off"


SUPPRESSED_FOR = timedelta(days=30)
"""A mailbox that does not exist is tried again after this: addresses come back, and servers refuse wrongly (C5)."""

_AFTER_CLOSING: frozenset[NoticeKind] = frozenset({"closure", "withdrawn"})
_OF_AN_ASSIGNMENT: frozenset[NoticeKind] = frozenset({"assignment", "transfer"})
_OF_A_QUESTION: frozenset[NoticeKind] = frozenset({"question", "reminder_answer"})
_OF_A_RESOLUTION: frozenset[NoticeKind] = frozenset({"resolution", "reminder_confirmation"})


def silence(kind: NoticeKind, subject_id: UUID | None, epoch: int, journey: Journey) -> Silence | None:
    """The reason to stay silent, given the newest state; none when the notice is to be sent."""
    if journey.erased:
        return Silence.ERASED
    if journey.told and not journey.reachable:
        return Silence.NO_CONTACT
    if not journey.consent:
        return Silence.NO_CONSENT
    return Silence.SUPERSEDED if _is_old_news(kind, subject_id, epoch, journey) else None


def _is_old_news(kind: NoticeKind, subject_id: UUID | None, epoch: int, journey: Journey) -> bool:
    if kind in _OF_A_QUESTION:
        return journey.question_id != subject_id
    if kind in _OF_A_RESOLUTION:
        return journey.resolution_id != subject_id or journey.phase != "proposed"
    if kind in _OF_AN_ASSIGNMENT:
        return epoch < journey.epoch or journey.phase == "closed"
    return (journey.phase == "closed") != (kind in _AFTER_CLOSING)
