"""A case as the rules see it: who owns it, how far it is, and what it waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.events.envelope import Bilingual, Channel, Language, Priority
from shared.rights import Person


class State(StrEnum):
    """How far a case is. A confirmed resolution closes the case in the same step."""

    TRIAGE = "triage"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting_for_customer"
    PROPOSED = "resolution_proposed"
    CLOSED = "closed"


OPEN = frozenset(State) - {State.CLOSED}
"""A department owes something to the customer, or the customer's word is awaited."""
TELLING = frozenset({"question", "resolution"})
"""The notices without which the customer does not know what they are waited for."""
IN_HAND = frozenset({State.ACCEPTED, State.IN_PROGRESS})
"""Somebody of the owning department took it (接单) and nothing else is awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """The departments of a policy pack, the two among them that decide, when the office has to, how many days ahead a
    promise may reach, and who of the staff is there, where that is asked.
    """

    triage: str
    office: str
    departments: frozenset[str]
    max_transfers: int = 2
    promise_days: int = 730
    staff: tuple[Person, ...] = ()


class Placement(NamedTuple):
    """An owner with the reason, as the routing policy or a deciding desk gave it."""

    department: str
    rule: str
    policy_version: str
    why: Bilingual
    priority: Priority
    category: str | None = None


class Offer(NamedTuple):
    """A transfer that was offered and not yet answered; until then the giver stays responsible.

    Attributes:
        to: the department that answers; the complaints office when it is asked to decide.
        wanted: the department the giver thinks is right, where the office decides.
        arbitration: the office's answer is final.
        reason: the giver's words, for the receiver.
    """

    to: str
    reason: str
    wanted: str | None = None
    arbitration: bool = False


class Pledge(NamedTuple):
    """The date last told to the customer (承诺)."""

    promise_id: UUID
    due_at: datetime


class Case(NamedTuple):
    """One complaint in work. Changed only by the functions of this package.

    Attributes:
        version: of the last event told about it; every event raises it by one.
        epoch: counts assignments; 1 is the first owner.
        stage: 1 at first, one more with every "not settled".
        transfers: handshakes that were accepted.
        offers: handshakes that were offered.
        owners: every department that owned it, in order, the present one last.
        declined: departments that refused an offer.
        contested: departments whose resolution the customer did not accept; they do not get it again.
        about: the department whose staff the complaint is about; it never gets it.
        final: the complaints office decided who owns it.
        since: when the present state began.
        proposed_by: the actor who proposed the resolution that waits for the customer's word.
        resolution_id: the event of that resolution.
        contested_by: the actor who proposed the last resolution that the customer did not accept.
    """

    complaint_id: UUID
    reference: str
    person_id: UUID
    pack: str
    channel: Channel
    language: Language
    received_at: datetime
    department: str
    state: State
    since: datetime
    placement: Placement
    version: int = 0
    epoch: int = 1
    stage: int = 1
    transfers: int = 0
    offers: int = 0
    owners: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    about: str | None = None
    final: bool = False
    offer: Offer | None = None
    question_id: UUID | None = None
    pledge: Pledge | None = None
    closed_how: str | None = None
    confirmed: bool = False
    attention: bool = False
    escalated_to: str | None = None
    proposed_by: str | None = None
    resolution_id: UUID | None = None
    contested_by: str | None = None

    @property
    def offered_to(self) -> str | None:
        """The department that has an offer to answer."""
        return self.offer.to if self.offer else None


class Refusal(StrEnum):
    """Why a command was not carried out. Also the code in problem details and the key of the text on the page."""

    NOT_YOURS = "not_yours"
    CLOSED = "closed"
    NOT_ACCEPTED = "not_accepted"
    ALREADY_ACCEPTED = "already_accepted"
    IN_TRIAGE = "in_triage"
    WAITING = "waiting_for_customer"
    PROPOSED = "resolution_proposed"
    NO_OFFER = "no_offer"
    OFFER_PENDING = "offer_pending"
    OWN_DEPARTMENT = "own_department"
    UNKNOWN_DEPARTMENT = "unknown_department"
    ABOUT_RECEIVER = "about_receiver"
    HANDLED_BEFORE = "handled_before"
    DECISION_FINAL = "decision_final"
    OFFICE_DECIDES = "office_decides"
    DUE_IN_PAST = "due_in_past"
    DUE_TOO_FAR = "due_too_far"
    NO_QUESTION = "no_question"
    NO_RESOLUTION = "no_resolution"
    OWN_RESOLUTION = "own_resolution"
    RESOLUTION_DISPUTED = "resolution_disputed"
    STALE = "stale"


REFUSAL_TEXTS: Mapping[Refusal, Bilingual] = {
    Refusal.NOT_YOURS: Bilingual(zh="这不是你部门可以处理的投诉。", en="This case is not yours to act on."),
    Refusal.CLOSED: Bilingual(zh="投诉已经结案。", en="The case is closed."),
    Refusal.NOT_ACCEPTED: Bilingual(zh="请先接单。", en="Accept the case first."),
    Refusal.ALREADY_ACCEPTED: Bilingual(zh="这件投诉已经接单。", en="The case has been accepted already."),
    Refusal.IN_TRIAGE: Bilingual(
        zh="这件投诉还在人工分拣，请先派单。", en="The case is at the triage desk: assign it to a department first."
    ),
    Refusal.WAITING: Bilingual(zh="正在等待客户答复。", en="The case is waiting for the customer's answer."),
    Refusal.PROPOSED: Bilingual(
        zh="已经给出处理结果，正在等待客户确认。", en="A resolution is proposed; the customer has the word now."
    ),
    Refusal.NO_OFFER: Bilingual(zh="没有等待答复的转办。", en="There is no transfer to answer."),
    Refusal.OFFER_PENDING: Bilingual(
        zh="转办正在等待对方答复。", en="A transfer is waiting for the other department's answer."
    ),
    Refusal.OWN_DEPARTMENT: Bilingual(zh="投诉已经在这个部门。", en="The case is with that department already."),
    Refusal.UNKNOWN_DEPARTMENT: Bilingual(zh="没有这个部门。", en="There is no such department."),
    Refusal.ABOUT_RECEIVER: Bilingual(
        zh="投诉涉及该部门的人员，不能由该部门处理。",
        en="The complaint is about that department's staff; it cannot handle it.",
    ),
    Refusal.HANDLED_BEFORE: Bilingual(
        zh="客户没有接受该部门的处理结果，须由其他部门处理。",
        en="The customer did not accept that department's resolution; somebody else has to handle it.",
    ),
    Refusal.DECISION_FINAL: Bilingual(
        zh="投诉管理部已经裁定，不能再转办。", en="The complaints office has decided; there is no further transfer."
    ),
    Refusal.OFFICE_DECIDES: Bilingual(
        zh="请直接派单：由投诉管理部决定。", en="The complaints office decides: assign the case instead."
    ),
    Refusal.DUE_IN_PAST: Bilingual(
        zh="这个时间已经过去了：请承诺一个还没有到的时间。", en="That time has passed: promise one that lies ahead."
    ),
    Refusal.DUE_TOO_FAR: Bilingual(
        zh="这个日期太远，不能承诺。最晚可以承诺到 {latest}。",
        en="That date is too far away to promise. The latest that can be promised is {latest}.",
    ),
    Refusal.NO_QUESTION: Bilingual(
        zh="现在没有等待回答的问题：客户已经回答，或者不再等了。",
        en="No question is open: it was answered already, or is no longer waited for.",
    ),
    Refusal.NO_RESOLUTION: Bilingual(
        zh="现在没有等待客户确认的处理结果：客户已经表过态，或者还没有给出处理结果。",
        en="No resolution waits for the customer's word: they gave it already, or none is proposed.",
    ),
    Refusal.OWN_RESOLUTION: Bilingual(
        zh="处理结果是你提出的，不能由你登记客户确认；请本部门同事、负责人或投诉管理部登记。",
        en="You proposed this resolution, so you cannot record that it is confirmed: "
        "a colleague or the lead of your department, or the complaints office, may.",
    ),
    Refusal.RESOLUTION_DISPUTED: Bilingual(
        zh="客户没有接受你提出的处理结果，这一次不能再由你提出；请现在负责这件投诉的部门的同事或负责人提出。",
        en="The customer did not accept the resolution you proposed, so the next one is not yours to propose: "
        "a colleague or the lead in the department that has the case may.",
    ),
    Refusal.STALE: Bilingual(
        zh="在你填写时，这件投诉已经变化；请核对后再提交。",
        en="The case changed while you were writing; look again, then send.",
    ),
}


class Refused(Exception):
    """The rules do not allow the command. Nothing was changed. `latest`: the date up to which they would."""

    def __init__(self, reason: Refusal, latest: datetime | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.latest = latest
