"""How a case changes hands: transfers as handshakes, assignment by the deciding desks.

A transfer is offered with a reason; until it is accepted the giver stays responsible. After `max_transfers`, or when the
wanted department owned the case before or has declined it, the complaints office decides, and that is final: so there
is no ping-pong and no cycle (service rule S53).
"""

from services.router.domain.case import Case, Desks, Offer, Refusal, Refused, State
from services.router.domain.commands import AcceptTransfer, Assign, DeclineTransfer, Transfer, WithdrawTransfer
from services.router.domain.rights import Actor
from services.router.domain.story import Story
from shared.events.envelope import Bilingual
from shared.events.routing import (
    CustomerAnswered,
    TransferAccepted,
    TransferDeclined,
    TransferOffered,
    TransferWithdrawn,
)

TRANSFERRED = Bilingual(
    zh="部门之间转办，接收部门已确认接收。", en="Transferred: the receiving department agreed to take it."
)
TRIAGED = Bilingual(zh="人工分拣后派单。", en="Assigned by a person at the triage desk.")
ARBITRATED = Bilingual(zh="投诉管理部裁定的责任部门。", en="The complaints office decided who owns it.")


def offer(story: Story, command: Transfer, desks: Desks) -> None:
    """Offer the case to another department, or to the complaints office where that has to decide."""
    case = story.case
    _refuse_offer(case, command.to, desks)
    arbitration = needs_arbitration(case, command.to, desks)
    to = desks.office if arbitration else command.to
    wanted = command.to if arbitration and command.to != desks.office else None
    story.change(
        offer=Offer(to=to, reason=command.reason, wanted=wanted, arbitration=arbitration), offers=case.offers + 1
    )
    story.tell(
        TransferOffered,
        "transfer_offered",
        said=command.reason,
        detail={"to": to, "wanted": wanted, "arbitration": arbitration},
        to_department=to,
        reason=story.sealed("reason", command.reason),
        attempt=story.case.offers,
        wanted=wanted,
    )


def needs_arbitration(case: Case, to: str, desks: Desks) -> bool:
    """Whether the complaints office has to decide instead of `to`."""
    return to == desks.office or case.transfers >= desks.max_transfers or to in case.owners or to in case.declined


def _refuse_offer(case: Case, to: str, desks: Desks) -> None:
    refuse_target(case, to, desks)
    if to == case.department:
        raise Refused(Refusal.OWN_DEPARTMENT)
    if case.department == desks.office and needs_arbitration(case, to, desks):
        raise Refused(Refusal.OFFICE_DECIDES)


def refuse_target(case: Case, to: str, desks: Desks, *, by_last_word: bool = False) -> None:
    """Nobody handles a complaint about themselves, nor one whose resolution by them was not accepted; unless the
    complaints office, which has it for good, gives it to them (`by_last_word`).
    """
    if to not in desks.departments:
        raise Refused(Refusal.UNKNOWN_DEPARTMENT)
    if to == case.about:
        raise Refused(Refusal.ABOUT_RECEIVER)
    if to in case.contested and not by_last_word:
        raise Refused(Refusal.HANDLED_BEFORE)


def accept(story: Story, _command: AcceptTransfer, desks: Desks) -> None:
    """Take over what was offered. The receiver has it in hand at once."""
    given = _given(story)
    refuse_target(story.case, given.to, desks)
    giver = story.case.department
    end_wait(story, desks)
    story.tell(TransferAccepted, "transfer_accepted", detail={"from": giver, "to": given.to}, from_department=giver)
    story.change(transfers=story.case.transfers + 1, final=story.case.final or given.arbitration)
    why, rule, how = (
        (ARBITRATED, "complaints-office", "arbitration")
        if given.arbitration
        else (TRANSFERRED, "transfer-accepted", "transfer")
    )
    _place(story, given.to, why=why, rule=rule, how=how, desks=desks, state=State.ACCEPTED)


def decline(story: Story, command: DeclineTransfer, _desks: Desks) -> None:
    """Refuse an offer. Declined by the complaints office, the giver keeps the case for good."""
    given = _given(story)
    story.change(offer=None, declined=(*story.case.declined, given.to), final=story.case.final or given.arbitration)
    story.tell(
        TransferDeclined,
        "transfer_declined",
        said=command.reason,
        detail={"by": given.to, "arbitration": given.arbitration},
        by_department=given.to,
        reason=story.sealed("reason", command.reason),
    )


def withdraw(story: Story, _command: WithdrawTransfer, _desks: Desks) -> None:
    """Take back an offer that nobody has answered yet: the giver goes on alone, as if it had not been made."""
    given = _given(story)
    story.change(offer=None)
    story.tell(
        TransferWithdrawn,
        "transfer_withdrawn",
        detail={"to": given.to, "arbitration": given.arbitration},
        to_department=given.to,
    )


def has_last_word(case: Case, actor: Actor, desks: Desks) -> bool:
    """Whether the complaints office decides for good: nobody is left whose resolution the customer could accept."""
    return actor.department == desks.office and desks.office in case.contested


def assign(story: Story, command: Assign, desks: Desks, actor: Actor) -> None:
    """Name the owner: the triage desk for what lies there, the complaints office for any open case."""
    case = story.case
    refuse_target(case, command.department, desks, by_last_word=has_last_word(case, actor, desks))
    in_triage = case.state is State.TRIAGE or case.department == desks.triage
    arbitrated = actor.department == desks.office and not in_triage
    stays = command.department == case.department
    if stays and not (arbitrated and case.offer is not None):
        raise Refused(Refusal.OWN_DEPARTMENT)
    end_wait(story, desks)
    story.change(final=case.final or arbitrated)
    why, rule, how = (
        (ARBITRATED, "complaints-office", "arbitration") if arbitrated else (TRIAGED, "triage-desk", "triage")
    )
    keeps = case.state if stays and case.state is not State.WAITING else None
    _place(story, command.department, why=why, rule=rule, how=how, desks=desks, state=keeps)
    story.remember(story.moment.new_id(), "assign_reason", said=command.reason)


def _given(story: Story) -> Offer:
    if story.case.offer is None:
        raise Refused(Refusal.NO_OFFER)
    return story.case.offer


def _place(
    story: Story, to: str, *, why: Bilingual, rule: str, how: str, desks: Desks, state: State | None = None
) -> None:
    placement = story.case.placement._replace(department=to, why=why, rule=rule)
    story.hand_to(placement, how, desks.triage, state)


def end_wait(story: Story, desks: Desks) -> None:
    """Stop waiting for the customer: the time is over, or somebody else owns it now. A late answer is kept all the same."""
    if story.case.state is State.WAITING:
        resume(story, desks)
        story.tell(CustomerAnswered, "wait_ended", answered=False)


def resume(story: Story, desks: Desks) -> None:
    """Go on after a question to the customer, where the case stood before."""
    state = State.TRIAGE if story.case.department == desks.triage else State.IN_PROGRESS
    story.change(state=state, question_id=None)
