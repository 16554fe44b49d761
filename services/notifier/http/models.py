"""What programs get from the notifier, as its document tells it. A test compares it with what is answered."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.domain.actions import Action
from services.notifier.domain.journey import Phase
from shared.events.envelope import Bilingual


class Answer(BaseModel):
    """The root of all answers."""

    model_config = ConfigDict(frozen=True)


class Notice(Answer):
    """A message of a case and what became of it. No address and no text."""

    notice_id: UUID
    kind: str
    channel: str
    state: Literal["pending", "leased", "sending", "sent", "failed", "suppressed", "unknown"]
    at: datetime = Field(description="when it came to its state, or was written down")
    created_at: datetime
    next_try_at: datetime | None
    reason: str | None
    attempts: int
    resends: int
    message_id: str | None
    cause_id: UUID = Field(description="the event that made it necessary")
    trace_id: str | None


class Notices(Answer):
    """Every message of a case."""

    reference: str = Field(examples=["R-4K7M-2XA9"])
    complaint_id: UUID
    notices: list[Notice]


class Owner(Answer):
    """The department that has the complaint."""

    id: str
    name: Bilingual


class Shop(Answer):
    """The shop the complaint is about, as it was told."""

    id: str
    name: Bilingual | None = Field(description="null: the company lists no such shop")


class StoryLine(Answer):
    """One thing that happened, as its customer may see it."""

    what: str
    at: datetime
    text: str | None


class NoticeToCustomer(Answer):
    """A message to the customer."""

    kind: str
    channel: str
    state: str
    at: datetime


class Progress(Answer):
    """Where a complaint stands, as its customer may see it."""

    reference: str = Field(examples=["R-4K7M-2XA9"])
    state: Phase
    closed_how: str | None
    owner: Owner | None
    store: Shop | None = Field(default=None, description="null: none was told")
    due_at: datetime | None
    question: str | None
    answer_due_at: datetime | None
    resolution: str | None
    confirmation_due_at: datetime | None
    about: dict[str, UUID] = Field(
        default={}, description="by action: the question or resolution it would be about; send it along as `about`"
    )
    can: list[Action] = Field(description="what the customer may do now: the last part of its address")
    story: list[StoryLine]
    notices: list[NoticeToCustomer]


class Taken(Answer):
    """What the customer did was taken."""

    status: Literal["done", "already"]
