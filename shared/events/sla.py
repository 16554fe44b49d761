"""What sla says on `complaints.sla`: clocks, warnings, breaches, escalations."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Code, Event, Frozen, Instant, Language

ClockKind = Literal["journey", "owner", "first_response", "silence", "confirmation", "answer", "promise"]
ClockState = Literal["running", "paused", "stopped"]


class Clock(Frozen):
    """One clock as it stands after the event."""

    kind: ClockKind
    epoch: int = Field(ge=1)
    state: ClockState
    started_at: Instant
    due_at: Instant | None = Field(default=None, description="none while paused")
    outcome: Literal["met", "late"] | None = Field(
        default=None, description="set when stopped; none where a new date took its place before it was due"
    )


class ClockEvent(Event):
    """What every event of this topic repeats."""

    department: Code
    epoch: int = Field(ge=1, description="the assignment epoch it belongs to")
    pack: Code
    language: Language
    person_id: UUID | None = None


class ClockStarted(ClockEvent):
    """Clocks that one cause started. One event per cause, not per clock."""

    type: Literal["clock.started.v1"] = "clock.started.v1"
    clocks: tuple[Clock, ...] = Field(min_length=1)
    first: bool = Field(default=False, description="true for the first assignment's clocks")
    new_due_at: Instant | None = Field(
        default=None,
        description="the date by which the customer gets an answer, where the journey's own is not it any more",
    )


class ClockPaused(ClockEvent):
    """Clocks that stand still while the customer is asked."""

    type: Literal["clock.paused.v1"] = "clock.paused.v1"
    clocks: tuple[Clock, ...] = Field(min_length=1)


class ClockResumed(ClockEvent):
    """Clocks that run again, with their new dates."""

    type: Literal["clock.resumed.v1"] = "clock.resumed.v1"
    clocks: tuple[Clock, ...] = Field(min_length=1)
    new_due_at: Instant | None = Field(
        default=None,
        description="the date by which the customer gets an answer, where the journey's own is not it any more",
    )


class ClockStopped(ClockEvent):
    """Clocks that have ended, met or late."""

    type: Literal["clock.stopped.v1"] = "clock.stopped.v1"
    clocks: tuple[Clock, ...] = Field(min_length=1)


class DeadlineEvent(ClockEvent):
    """What fired: unique per complaint, clock, level and clock epoch."""

    clock: ClockKind
    clock_epoch: int = Field(ge=1)
    level: Code = Field(description="warn_80, delay, breach, rung_1 …")
    due_at: Instant = Field(description="when this level was due; never after `fired_at`")
    deadline_at: Instant | None = Field(default=None, description="the date the clock itself runs to")
    fired_at: Instant
    late: bool = Field(default=False, description="fired more than 60 s after it was due")
    subject_event_id: UUID | None = Field(
        default=None,
        description="of answer and confirmation: the question or resolution the clock waited for a word about",
    )


class DeadlineWarned(DeadlineEvent):
    """A date comes near. With `new_due_at` the customer is told of a delay and this new date."""

    type: Literal["deadline.warned.v1"] = "deadline.warned.v1"
    new_due_at: Instant | None = None


class DeadlineBreached(DeadlineEvent):
    """A date has passed. With `new_due_at` the customer is told so and gets this new date."""

    type: Literal["deadline.breached.v1"] = "deadline.breached.v1"
    new_due_at: Instant | None = None


class ComplaintEscalated(DeadlineEvent):
    """A rung of the escalation ladder was reached (升级)."""

    type: Literal["complaint.escalated.v1"] = "complaint.escalated.v1"
    to: Code = Field(description="a department id, or `lead` for the lead of the owning department")


SlaEvent = Annotated[
    ClockStarted | ClockPaused | ClockResumed | ClockStopped | DeadlineWarned | DeadlineBreached | ComplaintEscalated,
    Field(discriminator="type"),
]
