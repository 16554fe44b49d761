"""What programs get from the staff API, as its document tells it. The values are made in `views`; a test compares."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from services.router.domain.case import State
from services.router.domain.clocks import Shown
from services.router.domain.rights import Action, Role
from shared.events.envelope import Bilingual, Channel, Language, Priority

Command = Annotated[Action, Field(description="a command: the last part of its address")]


class Answer(BaseModel):
    """The root of all answers."""

    model_config = ConfigDict(frozen=True)


class Token(Answer):
    """Signed in."""

    token: str = Field(description="for `Authorization: Bearer`")
    user: str
    name: str
    role: Role
    department: str
    expires_at: datetime


class SignedOut(Answer):
    """What has ended."""

    ended: Literal["session", "all"]


class SecurityLine(Answer):
    """One line of the security log. No texts and no contacts of customers."""

    id: int
    at: datetime
    kind: str = Field(description="signed_in, sign_in_failed, viewed, looked_up, exported, refused …")
    actor: str = Field(description="the user; `unknown` for a name nobody has, `operator` for a command on the host")
    role: str | None
    pack: str | None
    reference: str | None
    address: str | None
    detail: dict[str, Any]


class SecurityLog(Answer):
    """A page of the security log, the newest first."""

    lines: list[SecurityLine]
    before: int | None = Field(description="begins the next page; null: this is the last")


class Department(Answer):
    """A department of a policy pack."""

    id: str
    pack: str
    kind: str
    name: Bilingual
    duty: Bilingual


class Departments(Answer):
    """The departments of the packs one may read."""

    departments: list[Department]


class CaseClock(Answer):
    """A clock of a case, as the deadline service told it last."""

    kind: str
    epoch: int
    state: str
    shown: Shown
    started_at: datetime
    due_at: datetime | None
    outcome: str | None


class CaseInList(Answer):
    """A case in a list. The customer's words are null once the person is erased."""

    complaint_id: UUID
    reference: str = Field(examples=["R-4K7M-2XA9"])
    pack: str
    department: str
    department_name: Bilingual
    state: State
    since: datetime = Field(description="when the present state began")
    epoch: int = Field(description="counts assignments")
    stage: int = Field(description="1 at first, one more with every “not settled”")
    priority: Priority
    category: str | None
    channel: Channel
    language: Language
    received_at: datetime
    due_at: datetime | None
    due_kind: str | None = Field(description="the clock that `due_at` belongs to")
    clocks: list[CaseClock]
    offered_to: str | None
    closed_how: str | None
    attention: bool
    escalated_to: str | None
    undelivered: str | None = Field(description="the notice that did not reach the customer")
    title: str | None
    text: str | None
    erased: bool
    withheld: bool = Field(default=False, description="the customer's and colleagues' words are not for whoever asks")


class CaseSummary(CaseInList):
    """A case in a list, with who complains."""

    customer_name: str | None


class Cases(Answer):
    """A page of cases."""

    cases: list[CaseSummary]
    total: int = Field(description="how many there are in all, counted up to 10,000")
    after: str | None = Field(description="where the next page begins; null: this is the last")


class TransferOffer(Answer):
    """A transfer that was offered and not yet answered."""

    to: str
    reason: str
    wanted: str | None = None
    arbitration: bool = False


class Promise(Answer):
    """The date last told to the customer."""

    promise_id: UUID
    due_at: datetime


class CallBack(Answer):
    """A wish to be called."""

    model_config = ConfigDict(extra="allow")

    number: str | None = None


class CaseCustomer(Answer):
    """Who complains and how they are reached."""

    name: str | None
    email: str | None
    phone: str | None
    call_back: CallBack | None
    on_behalf_of: str | None
    consent: bool


class HistoryLine(Answer):
    """One thing that happened."""

    event_id: UUID | None = Field(description="null: the complaint as it was filed")
    at: datetime
    what: str
    who: str
    department: str | None
    epoch: int
    text: str | None
    detail: dict[str, Any]


class Case(CaseInList):
    """One case with its story, and what one may do to it."""

    version: int
    why: Bilingual
    rule: str
    policy_version: str
    reasons: dict[str, Any]
    transfers: int
    final: bool
    owners: list[str]
    about_department: str | None
    offer: TransferOffer | None
    question_id: UUID | None
    resolution_id: UUID | None = Field(default=None, description="the resolution that waits for the customer's word")
    promise: Promise | None
    confirmed: bool
    customer: CaseCustomer
    order_id: str | None
    store_id: str | None = Field(description="the shop as it was told")
    store: Bilingual | None = Field(
        description="the name of the shop; null: none was told, or the pack does not list it"
    )
    wanted: str | None
    repeat_of: str | None
    client: str | None
    about_staff: bool
    trace_id: str | None
    actions: list[Command]
    history: list[HistoryLine]


class History(Answer):
    """What is stored about a case, without words."""

    events: list[HistoryLine]


_OPTIONAL: dict[str, Any] = {
    name: (field.annotation | None, None)  # type: ignore[operator]  # every annotation here is a type
    for name, field in Case.model_fields.items()
    if name not in {"reference", "actions"}
}
CaseAfter = create_model(
    "CaseAfter",
    __doc__="The case after a command; `reference` and `actions` alone where it cannot be read any more.",
    reference=(str, Field(examples=["R-4K7M-2XA9"])),
    actions=(list[Command], ...),
    **_OPTIONAL,
)
"""Whoever gave a case away may no longer read it; what was done is done all the same."""
