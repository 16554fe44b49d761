"""What the staff API takes: one strict model per command. Unknown fields are refused; texts hold no control characters."""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.router.domain import commands
from services.router.domain.commands import Command
from services.router.domain.rights import Action

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
DepartmentId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]


def _clean(text: str) -> str:
    """NFC, line breaks as one character; control and direction-changing characters are refused."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if _CONTROL.search(text):
        raise PydanticCustomError("control_characters", "control characters")
    return text


Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000),
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
    """接单: nothing to say."""

    action = Action.ACCEPT

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Accept()


class ProgressBody(Body):
    """Words for the customer. `keeps_promise`: the promised thing was done."""

    action = Action.PROGRESS
    text: Words
    keeps_promise: bool = False

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Report(text=self.text, keeps_promise=self.keeps_promise)


class AskBody(Body):
    """A question to the customer."""

    action = Action.ASK
    question: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Ask(question=self.question)


class PromiseBody(Body):
    """A date told to the customer, with zone."""

    action = Action.PROMISE
    due_at: AwareDatetime
    text: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Promise(due_at=self.due_at, text=self.text)


class TransferBody(Body):
    """Whom to ask to take over, and why."""

    action = Action.TRANSFER
    to: DepartmentId
    reason: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Transfer(to=self.to, reason=self.reason)


class AcceptTransferBody(Body):
    """Nothing to say."""

    action = Action.TRANSFER_ACCEPT

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.AcceptTransfer()


class DeclineTransferBody(Body):
    """Why not."""

    action = Action.TRANSFER_DECLINE
    reason: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.DeclineTransfer(reason=self.reason)


class AssignBody(Body):
    """The department that shall own it, and why."""

    action = Action.ASSIGN
    department: DepartmentId
    reason: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Assign(department=self.department, reason=self.reason)


class ResolveBody(Body):
    """What was done or is offered."""

    action = Action.RESOLVE
    text: Words
    remedy: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,31}$")] | None = None

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Propose(text=self.text, remedy=self.remedy)


class NoteBody(Body):
    """A note for colleagues."""

    action = Action.NOTE
    text: Words

    def command(self, new_id: Callable[[], UUID]) -> Command:
        """The command."""
        return commands.Note(note_id=new_id(), text=self.text)


BODIES: tuple[type[Body], ...] = (
    AcceptBody,
    ProgressBody,
    AskBody,
    PromiseBody,
    TransferBody,
    AcceptTransferBody,
    DeclineTransferBody,
    AssignBody,
    ResolveBody,
    NoteBody,
)
BODY_OF: dict[str, type[Body]] = {str(body.action): body for body in BODIES}


class SignIn(BaseModel):
    """User and password."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    user: str = Field(min_length=1, max_length=48)
    password: str = Field(min_length=1, max_length=200, repr=False)
