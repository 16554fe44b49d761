"""What staff can ask of a case. Texts are clear here; they are sealed before they travel."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.router.domain.rights import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """接单: the owning department takes the case in hand."""

    action: ClassVar[Action] = Action.ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """进展通报: words for the customer. `keeps_promise` says that the promised thing was done."""

    action: ClassVar[Action] = Action.PROGRESS
    text: str
    keeps_promise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question to the customer; the clocks that depend on the customer stand still until it is answered."""

    action: ClassVar[Action] = Action.ASK
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """承诺: a date told to the customer. A second one takes the place of the first and says why."""

    action: ClassVar[Action] = Action.PROMISE
    due_at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """转办: ask another department to take over."""

    action: ClassVar[Action] = Action.TRANSFER
    to: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTransfer:
    """The receiver takes over."""

    action: ClassVar[Action] = Action.TRANSFER_ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineTransfer:
    """The receiver refuses and says why; the giver keeps the case."""

    action: ClassVar[Action] = Action.TRANSFER_DECLINE
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawTransfer:
    """The giver takes the offer back before it is answered."""

    action: ClassVar[Action] = Action.TRANSFER_WITHDRAW


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """派单: a deciding desk names the owner."""

    action: ClassVar[Action] = Action.ASSIGN
    department: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """处理结果: what was done or is offered; the customer decides whether that settles it."""

    action: ClassVar[Action] = Action.RESOLVE
    text: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A work note; colleagues read it, the customer never does."""

    action: ClassVar[Action] = Action.NOTE
    note_id: UUID
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTold:
    """登记: the customer was told, on the phone, the question or resolution that waits for their word, or this one if it is
    named. Their time to answer begins with it.
    """

    action: ClassVar[Action] = Action.RECORD_TOLD
    text: str
    about: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """登记: what the customer answered, on the phone, to the question that is open, or to this one if it is named."""

    action: ClassVar[Action] = Action.RECORD_ANSWER
    answer: str
    question_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConfirmation:
    """登记: the customer says, on the phone, that it is settled. `note` is how it was said; colleagues read it. A resolution
    that is named is the only one that it counts for.
    """

    action: ClassVar[Action] = Action.RECORD_CONFIRMATION
    note: str
    resolution_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDispute:
    """登记: the customer says, on the phone, that it is not settled, and why; as for a confirmation."""

    action: ClassVar[Action] = Action.RECORD_DISPUTE
    text: str
    resolution_id: UUID | None = None


Command = (
    Accept
    | Report
    | Ask
    | Promise
    | Transfer
    | AcceptTransfer
    | DeclineTransfer
    | WithdrawTransfer
    | Assign
    | Propose
    | Note
    | RecordTold
    | RecordAnswer
    | RecordConfirmation
    | RecordDispute
)
