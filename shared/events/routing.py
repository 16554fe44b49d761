"""What the router says on `complaints.routing`: who owns the case and what happens to it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Bilingual, Channel, Code, Event, Instant, Language, Priority, Sealed


class CaseEvent(Event):
    """What every event of a case repeats, so that no reader has to ask: owner, stage and epoch after the event."""

    department: Code = Field(description="the owning department after this event")
    epoch: int = Field(ge=1, description="counts assignments; newer ownership has the higher epoch")
    stage: int = Field(default=1, ge=1, description="1 first handling, 2 after a reopening")
    pack: Code
    language: Language
    person_id: UUID


class ComplaintAssigned(CaseEvent):
    """The complaint has this one owner now."""

    type: Literal["complaint.assigned.v1"] = "complaint.assigned.v1"
    previous_department: Code | None = None
    how: Literal["policy", "triage", "transfer", "arbitration", "reopen", "returned"]
    rule: Code
    policy_version: str = Field(max_length=64)
    why: Bilingual = Field(description="the reason in plain words, from policy; never the customer's words")
    category: Code | None = None
    priority: Priority
    channel: Channel
    received_at: Instant


class ComplaintAccepted(CaseEvent):
    """A handler of the owning department took the case in hand (接单)."""

    type: Literal["complaint.accepted.v1"] = "complaint.accepted.v1"


class TransferOffered(CaseEvent):
    """The owner asks another department to take over; until accepted the owner stays responsible."""

    type: Literal["transfer.offered.v1"] = "transfer.offered.v1"
    to_department: Code
    reason: Sealed
    attempt: int = Field(ge=1)
    wanted: Code | None = Field(
        default=None, description="whom the giver proposes, where the complaints office decides"
    )


class TransferAccepted(CaseEvent):
    """The receiver took over. A `complaint.assigned` with the new epoch follows in the same transaction."""

    type: Literal["transfer.accepted.v1"] = "transfer.accepted.v1"
    from_department: Code


class TransferDeclined(CaseEvent):
    """The receiver refused, with a reason; the owner stays."""

    type: Literal["transfer.declined.v1"] = "transfer.declined.v1"
    by_department: Code
    reason: Sealed


class TransferWithdrawn(CaseEvent):
    """The giver took the offer back before it was answered; the owner stays."""

    type: Literal["transfer.withdrawn.v1"] = "transfer.withdrawn.v1"
    to_department: Code


class ProgressReported(CaseEvent):
    """Words for the customer about what is being done (进展通报)."""

    type: Literal["progress.reported.v1"] = "progress.reported.v1"
    text: Sealed
    promise_id: UUID | None = Field(default=None, description="the promise this report keeps")
    tells_event_id: UUID | None = Field(
        default=None, description="staff told the customer this question or resolution on the phone"
    )


class CustomerAsked(CaseEvent):
    """The case waits for the customer's answer."""

    type: Literal["customer.asked.v1"] = "customer.asked.v1"
    question: Sealed


class CustomerAnswered(CaseEvent):
    """The waiting is over: the customer answered, or the time to answer ran out."""

    type: Literal["customer.answered.v1"] = "customer.answered.v1"
    answered: bool = Field(default=True, description="false when the time to answer ran out")
    answer: Sealed | None = None


class PromiseMade(CaseEvent):
    """A date told to the customer. It has a clock of its own."""

    type: Literal["promise.made.v1"] = "promise.made.v1"
    promise_id: UUID
    due_at: Instant
    text: Sealed


class PromiseRenewed(CaseEvent):
    """A new date in place of an earlier one, with the reason; the only thing that moves a promise."""

    type: Literal["promise.renewed.v1"] = "promise.renewed.v1"
    promise_id: UUID
    due_at: Instant
    previous_due_at: Instant
    text: Sealed


class ResolutionProposed(CaseEvent):
    """The department says what it did or offers; the customer decides whether that settles it."""

    type: Literal["resolution.proposed.v1"] = "resolution.proposed.v1"
    text: Sealed
    remedy: Code | None = None


class ComplaintClosed(CaseEvent):
    """The case is closed (结案)."""

    type: Literal["complaint.closed.v1"] = "complaint.closed.v1"
    how: Literal["confirmed", "no_answer", "withdrawn", "merged"]


class ComplaintReopened(CaseEvent):
    """The customer said "not settled": the case goes on at the next stage. A `complaint.assigned` follows in the same transaction."""

    type: Literal["complaint.reopened.v1"] = "complaint.reopened.v1"
    reason: Sealed | None = None


class ComplaintMerged(CaseEvent):
    """Several reports of one matter are worked once; each keeps its reference, clock and answer."""

    type: Literal["complaint.merged.v1"] = "complaint.merged.v1"
    into_complaint_id: UUID
    into_reference: str = Field(max_length=16)


class ComplaintLinked(CaseEvent):
    """The complaint belongs to a known incident."""

    type: Literal["complaint.linked.v1"] = "complaint.linked.v1"
    incident_id: UUID


RoutingEvent = Annotated[
    ComplaintAssigned
    | ComplaintAccepted
    | TransferOffered
    | TransferAccepted
    | TransferDeclined
    | TransferWithdrawn
    | ProgressReported
    | CustomerAsked
    | CustomerAnswered
    | PromiseMade
    | PromiseRenewed
    | ResolutionProposed
    | ComplaintClosed
    | ComplaintReopened
    | ComplaintMerged
    | ComplaintLinked,
    Field(discriminator="type"),
]
