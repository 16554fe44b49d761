"""What the staff API takes: one strict model per command. Unknown fields are refused; texts hold no control characters."""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.router.domain import commands
from services.router.domain.commands import Command
from services.router.domain.rights import Action
from shared.events.instants import GivenInstant
from shared.text import has_content, one_line_end

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
DepartmentId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]


def _clean(text: str) -> str:
    """NFC; control and direction-changing characters are refused, and what shows nothing."""
    if not has_content(text):
        raise PydanticCustomError("blank", "nothing to read")
    text = unicodedata.normalize("NFC", text)
    if _CONTROL.search(text):
        raise PydanticCustomError("control_character", "control characters")
    return text


MAX_WORDS = 4_000
"""Characters of a text, a line end being one."""
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WORDS),
    BeforeValidator(one_line_end),
    AfterValidator(_clean),
]


class Body(BaseModel):
    """A command as it arrives."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    action: ClassVar[Action]

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command for the rules."""
        raise NotImplementedError


class AcceptBody(Body):
    """Accept the case (接单). The body is empty: `{}`."""

    action = Action.ACCEPT

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Accept()


class ProgressBody(Body):
    """Tell the customer where it stands (进展通报); `keeps_promise` when the promised thing was done."""

    action = Action.PROGRESS
    text: Words
    keeps_promise: bool = False

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Report(text=self.text, keeps_promise=self.keeps_promise)


class AskBody(Body):
    """Ask the customer; clocks that depend on the answer stand still."""

    action = Action.ASK
    question: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Ask(question=self.question)


class PromiseBody(Body):
    """Promise the customer a date (承诺), with zone; a second promise takes the place of the first."""

    action = Action.PROMISE
    due_at: GivenInstant
    text: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Promise(due_at=self.due_at, text=self.text)


class TransferBody(Body):
    """Offer the case to another department (转办); it stays yours until accepted."""

    action = Action.TRANSFER
    to: DepartmentId
    reason: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Transfer(to=self.to, reason=self.reason)


class AcceptTransferBody(Body):
    """Accept a transfer that was offered to you. The body is empty: `{}`."""

    action = Action.TRANSFER_ACCEPT

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.AcceptTransfer()


class DeclineTransferBody(Body):
    """Decline a transfer that was offered to you, with the reason."""

    action = Action.TRANSFER_DECLINE
    reason: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.DeclineTransfer(reason=self.reason)


class WithdrawTransferBody(Body):
    """Take back a transfer you offered, before it is answered. The body is empty: `{}`."""

    action = Action.TRANSFER_WITHDRAW

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.WithdrawTransfer()


class AssignBody(Body):
    """Name the owner (派单): the triage desk and the complaints office may."""

    action = Action.ASSIGN
    department: DepartmentId
    reason: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Assign(department=self.department, reason=self.reason)


class ResolveBody(Body):
    """Propose a resolution (处理结果); the customer decides whether that settles it."""

    action = Action.RESOLVE
    text: Words
    remedy: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,31}$")] | None = None

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Propose(text=self.text, remedy=self.remedy)


class NoteBody(Body):
    """Write a note for colleagues; the customer never sees it."""

    action = Action.NOTE
    text: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Note(note_id=new_id(), text=self.text)


class RecordToldBody(Body):
    """Record that the customer was told on the phone (登记) what is asked or offered, and how; their time to answer begins."""

    action = Action.RECORD_TOLD
    text: Words
    about: UUID | None = Field(
        default=None,
        description="the `question_id` or `resolution_id` of the case that was told; refused when another one is open",
    )

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.RecordTold(text=self.text, about=self.about)


class RecordAnswerBody(Body):
    """Record what the customer answered on the phone (登记) to the open question; the clocks run again."""

    action = Action.RECORD_ANSWER
    answer: Words
    question_id: UUID | None = Field(
        default=None, description="the `question_id` of the case that was answered; refused when another one is open"
    )

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.RecordAnswer(answer=self.answer, question_id=self.question_id)


ResolutionId = Annotated[
    UUID | None,
    Field(
        description="the `resolution_id` of the case that the customer spoke of; refused when another one is proposed"
    ),
]


class RecordConfirmationBody(Body):
    """Record that the customer confirmed on the phone (登记), with how it was said; not by who proposed the resolution."""

    action = Action.RECORD_CONFIRMATION
    note: Words
    resolution_id: ResolutionId = None

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.RecordConfirmation(note=self.note, resolution_id=self.resolution_id)


class RecordDisputeBody(Body):
    """Record that the customer said "not settled" on the phone (登记); reopens at the next stage with another handler."""

    action = Action.RECORD_DISPUTE
    text: Words
    resolution_id: ResolutionId = None

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.RecordDispute(text=self.text, resolution_id=self.resolution_id)


BODIES: tuple[type[Body], ...] = (
    AcceptBody,
    ProgressBody,
    AskBody,
    PromiseBody,
    TransferBody,
    AcceptTransferBody,
    DeclineTransferBody,
    WithdrawTransferBody,
    AssignBody,
    ResolveBody,
    NoteBody,
    RecordToldBody,
    RecordAnswerBody,
    RecordConfirmationBody,
    RecordDisputeBody,
)
BODY_OF: dict[str, type[Body]] = {str(body.action): body for body in BODIES}


class SignIn(BaseModel):
    """User and password."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    user: str = Field(min_length=1, max_length=48, pattern=r"^[^\x00-\x1f\x7f]*$")
    password: str = Field(min_length=1, max_length=200, repr=False)


class NewPassword(BaseModel):
    """One's own password, the one in force and the one to be."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    password: str = Field(min_length=1, max_length=200, repr=False)
    new_password: str = Field(min_length=8, max_length=200, repr=False)


class SignOut(BaseModel):
    """The end of this session, or of all sessions of whoever asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    everywhere: bool = False
