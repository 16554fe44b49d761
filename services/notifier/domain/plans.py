"""What follows from an event for the customer: notices to send, lines of the story to keep."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.values import value

Waits = Literal["no", "owner", "answer_date", "confirmation_date"]
"""What a notice waits for, at most the policy's `wait_for_owner_seconds`."""


@value
class Plan:
    """A notice that has become necessary.

    Attributes:
        cause_id: the event that made it necessary; with recipient and channel it makes the notice unique.
        subject_id: the entry whose words it carries.
        epoch: the assignment it speaks of.
        due_at: a date of its own (promise, new date of a delay).
    """

    complaint_id: UUID
    kind: NoticeKind
    cause_id: UUID
    subject_id: UUID | None = None
    epoch: int = 0
    waits: Waits = "no"
    previous_department: str | None = None
    due_at: datetime | None = None
    former_due_at: datetime | None = None
    variant: str = ""


What = Literal[
    "received",
    "amended",
    "assigned",
    "transferred",
    "accepted",
    "progress",
    "told_by_phone",
    "asked",
    "replied",
    "answered",
    "answered_by_phone",
    "went_on",
    "promised",
    "postponed",
    "proposed",
    "confirmed",
    "disputed",
    "added",
    "rated",
    "closed",
    "closed_by_phone",
    "withdrawn",
    "reopened",
    "reopened_by_phone",
]


@value
class Entry:
    """A line of the story that the customer may read.

    Attributes:
        text: sealed words; `field` is the name they were sealed under.
        due_at: a date given with it.
    """

    complaint_id: UUID
    event_id: UUID
    at: datetime
    what: What
    department: str | None = None
    text: str | None = None
    field: str | None = None
    due_at: datetime | None = None


class Step(NamedTuple):
    """The journey after an event, and what follows from it.

    Attributes:
        release: notices that waited for a date need not wait.
        late: the event is older than what is known; a plan of it that is not to be sent is not even written down.
    """

    journey: Journey
    plans: tuple[Plan, ...] = ()
    entries: tuple[Entry, ...] = ()
    release: bool = False
    late: bool = False
