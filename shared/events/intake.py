"""What intake says on `complaints.intake`: the complaint as told."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Channel, Code, Event, Frozen, Instant, Language, Sealed

OLDEST_RECEIPT_DAYS: Final = 400
"""How far back `received_at` may reach: a year of retention on paper and a month to type it in. Whoever may be so late has
to be known for as long, so this decides too how long idempotency keys are kept.
"""
CALL_FORM: Final = "agent-desk"
"""The `client` of what an agent took down in our own call form: those customers were given no private link."""


class CallBack(Frozen):
    """When and in which language the customer wants to be rung; sealed as `call_back.number` and `call_back.hours`."""

    number: Sealed | None = None
    hours: Sealed | None = None
    language: Language | None = None


class ComplaintSubmitted(Event):
    """A complaint was accepted and answered 201. Everything later services need to know of it is here.

    Each sealed field is bound to its own name (`text`, `name`, …) as associated data.
    """

    type: Literal["complaint.submitted.v1"] = "complaint.submitted.v1"
    pack: Code
    channel: Channel
    client: str = Field(max_length=64, description="the channel client that filed it")
    language: Language
    received_at: Instant = Field(description="when the organisation received it; every legal clock starts here")
    category: Code | None = Field(default=None, description="one of the pack's; what else was sent is not carried on")
    store_id: str | None = Field(
        default=None, max_length=64, description="the store an operator has bound the client to; see `store`"
    )
    has_order: bool = False
    wanted: Code | None = Field(default=None, description="remedy wanted: exchange, refund, repair, apology, …")
    about_staff: bool = False
    about_department: Code | None = Field(default=None, description="the department whose staff it is about")
    repeat_of: str | None = Field(default=None, max_length=16, description="reference of an earlier complaint")
    consent: bool = True
    on_behalf: bool = False
    person_id: UUID
    title: Sealed | None = None
    text: Sealed
    order_id: Sealed | None = None
    store: Sealed | None = Field(
        default=None, description="the store as it was told, where the client is bound to none"
    )
    name: Sealed | None = None
    email: Sealed | None = None
    phone: Sealed | None = None
    on_behalf_of: Sealed | None = Field(default=None, description="whose complaint it is, when somebody else tells it")
    call_back: CallBack | None = None
    progress_token: Sealed = Field(description="the token of the private progress link")
    progress_token_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the token")


class ComplaintAmended(Event):
    """The customer added to or corrected what they told."""

    type: Literal["complaint.amended.v1"] = "complaint.amended.v1"
    person_id: UUID
    text: Sealed


class ComplaintWithdrawn(Event):
    """The customer took the complaint back."""

    type: Literal["complaint.withdrawn.v1"] = "complaint.withdrawn.v1"
    person_id: UUID
    reason: Sealed | None = None


class PersonErased(Event):
    """The person's key was deleted; each service blanks what it holds in clear."""

    type: Literal["person.erased.v1"] = "person.erased.v1"
    person_id: UUID


IntakeEvent = Annotated[
    ComplaintSubmitted | ComplaintAmended | ComplaintWithdrawn | PersonErased, Field(discriminator="type")
]
