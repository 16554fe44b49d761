"""What notifier says on `complaints.notices`: what reached the customer, and what the customer said back."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Code, Event, Instant, Sealed

NoticeChannel = Literal["email"]


class NoticeEvent(Event):
    """One message to one recipient for one cause. The recipient stays unnamed."""

    notice_id: UUID
    notice: Code = Field(description="acknowledgement, assignment, progress, delay, resolution, …")
    channel: NoticeChannel = "email"
    about: str = Field(max_length=128, description="the event or timer that made the message necessary")


class NoticeSent(NoticeEvent):
    """The message was handed over to the customer's channel, which accepted it."""

    type: Literal["notice.sent.v1"] = "notice.sent.v1"
    message_id: str = Field(max_length=255)
    sent_at: Instant
    attempts: int = Field(default=1, ge=1)


class NoticeFailed(NoticeEvent):
    """The channel refused for good, or for too long; a person has to reach the customer otherwise."""

    type: Literal["notice.failed.v1"] = "notice.failed.v1"
    reason: Code


class NoticeSuppressed(NoticeEvent):
    """The message was not to be sent: no contact, erased, suppressed address."""

    type: Literal["notice.suppressed.v1"] = "notice.suppressed.v1"
    reason: Code


class NoticeUnknown(NoticeEvent):
    """The channel's last answer was lost; the message is sent once more with the same Message-ID."""

    type: Literal["notice.unknown.v1"] = "notice.unknown.v1"
    message_id: str = Field(max_length=255)
    again: bool = Field(default=True, description="false when that was the second time: it is not sent any more")


class ComplaintConfirmed(Event):
    """The customer says it is settled (客户确认)."""

    type: Literal["complaint.confirmed.v1"] = "complaint.confirmed.v1"
    resolution_event_id: UUID | None = Field(default=None, description="the resolution the customer had in sight")


class ComplaintDisputed(Event):
    """The customer says it is not settled."""

    type: Literal["complaint.disputed.v1"] = "complaint.disputed.v1"
    person_id: UUID
    resolution_event_id: UUID | None = Field(default=None, description="the resolution the customer had in sight")
    text: Sealed | None = None


class CustomerReplied(Event):
    """The customer answered the department's question."""

    type: Literal["customer.replied.v1"] = "customer.replied.v1"
    person_id: UUID
    question_event_id: UUID
    text: Sealed


class CustomerAdded(Event):
    """The customer added a fact unasked."""

    type: Literal["customer.added.v1"] = "customer.added.v1"
    person_id: UUID
    text: Sealed


class FeedbackGiven(Event):
    """The customer rated the handling (满意度), 1 bad to 5 good."""

    type: Literal["feedback.given.v1"] = "feedback.given.v1"
    person_id: UUID
    rating: int = Field(ge=1, le=5)
    comment: Sealed | None = None


NoticesEvent = Annotated[
    NoticeSent
    | NoticeFailed
    | NoticeSuppressed
    | NoticeUnknown
    | ComplaintConfirmed
    | ComplaintDisputed
    | CustomerReplied
    | CustomerAdded
    | FeedbackGiven,
    Field(discriminator="type"),
]
