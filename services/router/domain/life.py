"""The life of a case under the hands of staff: command → the case after it, or a named refusal."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from services.router.domain import handover, recorded
from services.router.domain.case import IN_HAND, Case, Desks, Placement, Pledge, Refusal, Refused, State
from services.router.domain.commands import (
    Accept,
    AcceptTransfer,
    Ask,
    Assign,
    Command,
    DeclineTransfer,
    Note,
    Promise,
    Propose,
    RecordAnswer,
    RecordConfirmation,
    RecordDispute,
    RecordTold,
    Report,
    Transfer,
    WithdrawTransfer,
)
from services.router.domain.rights import Action, Actor, Role, may
from services.router.domain.story import Moment, Outcome, Story
from services.router.domain.told import disputable
from shared.events.routing import (
    ComplaintAccepted,
    CustomerAsked,
    ProgressReported,
    PromiseMade,
    PromiseRenewed,
    ResolutionProposed,
)


def obey(
    case: Case,
    command: Command,
    actor: Actor,
    desks: Desks,
    moment: Moment,
    place: Callable[[Case], Placement],
) -> Outcome:
    """Carry out a command.

    Args:
        case: the case as it stands.
        command: what is asked.
        actor: who asks.
        desks: the deciding departments of the case's pack.
        moment: when, by what cause, with which ids and seals.
        place: the routing policy, asked about a case at its next stage.

    Returns:
        The case after it, the events to send and the lines of its history.

    Raises:
        Refused: with the reason; `NOT_YOURS` before anything else is looked at.
    """
    refusal = refusal_of(case, command.action, actor, desks)
    if refusal is not None:
        raise Refused(refusal)
    story = Story(case, moment)
    if isinstance(command, Assign):
        handover.assign(story, command, desks, actor)
    elif isinstance(command, RecordDispute):
        recorded.dispute(story, command, desks, place)
    else:
        _STEPS[type(command)](story, command, desks)
    if command.action in _RECORDS:
        # What somebody else wrote down is news for the handlers of the department that goes on with it.
        theirs = story.case.department == actor.department and actor.role is not Role.AGENT
        story.change(attention=story.case.state is not State.CLOSED and not theirs)
    elif command.action is not Action.NOTE:
        story.change(attention=command.action is Action.RESOLVE and is_again(case, actor))
    return story.end()


def refusal_of(case: Case, action: Action, actor: Actor, desks: Desks) -> Refusal | None:
    """Why an action is not possible now whatever its words, or `None`. The desk shows only what is possible."""
    if not may(actor, action, case, desks):
        # A second click on "take over" finds the offer answered; that is no question of rights.
        answered = action in _ANSWERS and case.offer is None and actor.department in case.owners
        return Refusal.NO_OFFER if answered and may(actor, Action.READ, case, desks) else Refusal.NOT_YOURS
    if case.state is State.CLOSED and action is not Action.NOTE:
        return None if action is Action.RECORD_DISPUTE and disputable(case) else Refusal.CLOSED
    wrong = _STATES.get(action)
    refusal = wrong(case) if wrong else None
    if refusal is None and action is Action.RESOLVE and is_again(case, actor) and has_colleague(case, actor, desks):
        return Refusal.RESOLUTION_DISPUTED
    if refusal is None and action is Action.RECORD_CONFIRMATION and case.proposed_by in (None, actor.name):
        return Refusal.OWN_RESOLUTION  # four eyes: nobody closes a case by their own word alone, nor when in doubt
    return refusal


def is_again(case: Case, actor: Actor) -> bool:
    """Whether the customer did not accept what this person proposed last: somebody else looks at it then (C15)."""
    return case.contested_by == actor.name


def has_colleague(case: Case, actor: Actor, desks: Desks) -> bool:
    """Whether somebody else of the staff may propose a resolution. In a department of one its only person goes on."""
    return any(one.user != actor.user and may(one, Action.RESOLVE, case, desks) for one in desks.staff)


def _unaccepted(case: Case) -> Refusal | None:
    if case.state in IN_HAND:
        return Refusal.ALREADY_ACCEPTED
    return _ELSEWHERE.get(case.state)


def _not_in_hand(case: Case) -> Refusal | None:
    return Refusal.NOT_ACCEPTED if case.state is State.ASSIGNED else _ELSEWHERE.get(case.state)


def _cannot_tell(case: Case) -> Refusal | None:
    """Progress and promises may be told while the customer is asked, and from the triage desk."""
    return Refusal.NOT_ACCEPTED if case.state is State.ASSIGNED else None


def _cannot_ask(case: Case) -> Refusal | None:
    """The giver of an offer that is open stays responsible, and may ask as well as tell."""
    return None if case.state is State.TRIAGE else _not_in_hand(case)


def _cannot_offer(case: Case) -> Refusal | None:
    if case.offer is not None:
        return Refusal.OFFER_PENDING
    if case.final:
        return Refusal.DECISION_FINAL
    return _ELSEWHERE.get(case.state)


def _cannot_withdraw(case: Case) -> Refusal | None:
    return Refusal.NO_OFFER if case.offer is None else None


def _cannot_assign(case: Case) -> Refusal | None:
    return Refusal.PROPOSED if case.state is State.PROPOSED else None


def _unasked(case: Case) -> Refusal | None:
    return None if case.state is State.WAITING else Refusal.NO_QUESTION


def _unproposed(case: Case) -> Refusal | None:
    return None if case.state is State.PROPOSED else Refusal.NO_RESOLUTION


def _nothing_to_tell(case: Case) -> Refusal | None:
    return None if case.question_id or case.resolution_id else Refusal.NO_RESOLUTION


_RECORDS = frozenset({Action.RECORD_ANSWER, Action.RECORD_CONFIRMATION, Action.RECORD_DISPUTE})
_ANSWERS = frozenset({Action.TRANSFER_ACCEPT, Action.TRANSFER_DECLINE})
_ELSEWHERE: Mapping[State, Refusal] = {
    State.TRIAGE: Refusal.IN_TRIAGE,
    State.WAITING: Refusal.WAITING,
    State.PROPOSED: Refusal.PROPOSED,
}
_STATES: Mapping[Action, Callable[[Case], Refusal | None]] = {
    Action.ACCEPT: _unaccepted,
    Action.PROGRESS: _cannot_tell,
    Action.PROMISE: _cannot_tell,
    Action.ASK: _cannot_ask,
    Action.RESOLVE: _not_in_hand,
    Action.TRANSFER: _cannot_offer,
    Action.TRANSFER_WITHDRAW: _cannot_withdraw,
    Action.ASSIGN: _cannot_assign,
    Action.RECORD_TOLD: _nothing_to_tell,
    Action.RECORD_ANSWER: _unasked,
    Action.RECORD_CONFIRMATION: _unproposed,
    Action.RECORD_DISPUTE: _unproposed,
}


def _accept(story: Story, _command: Accept, _desks: Desks) -> None:
    story.change(state=State.ACCEPTED)
    story.tell(ComplaintAccepted, "accepted")


def _report(story: Story, command: Report, _desks: Desks) -> None:
    _begin(story)
    kept = story.case.pledge if command.keeps_promise else None
    if kept:
        story.change(pledge=None)
    story.tell(
        ProgressReported,
        "progress",
        said=command.text,
        detail={"kept_promise": kept is not None},
        text=story.sealed("text", command.text),
        promise_id=kept.promise_id if kept else None,
    )


def _ask(story: Story, command: Ask, _desks: Desks) -> None:
    story.change(state=State.WAITING)
    asked = story.tell(
        CustomerAsked, "asked", said=command.question, question=story.sealed("question", command.question)
    )
    story.change(question_id=asked.event_id)


def _promise(story: Story, command: Promise, desks: Desks) -> None:
    if command.due_at <= story.moment.now:
        raise Refused(Refusal.DUE_IN_PAST)
    latest = story.moment.now + timedelta(days=desks.promise_days)
    if command.due_at > latest:
        raise Refused(Refusal.DUE_TOO_FAR, latest)
    _begin(story)
    before = story.case.pledge
    detail = {"due_at": command.due_at.isoformat()}
    text = story.sealed("text", command.text)
    if before is not None and before.due_at == command.due_at:
        # The date that was promised anyway is no new one, and nothing to be sorry for: only the words are news.
        story.tell(ProgressReported, "progress", said=command.text, detail={"kept_promise": False}, text=text)
        return
    if before is None:
        pledge = Pledge(promise_id=story.moment.new_id(), due_at=command.due_at)
        story.change(pledge=pledge)
        story.tell(
            PromiseMade,
            "promised",
            said=command.text,
            detail=detail,
            promise_id=pledge.promise_id,
            due_at=pledge.due_at,
            text=text,
        )
        return
    story.change(pledge=before._replace(due_at=command.due_at))
    story.tell(
        PromiseRenewed,
        "promise_renewed",
        said=command.text,
        detail={**detail, "previous_due_at": before.due_at.isoformat()},
        promise_id=before.promise_id,
        due_at=command.due_at,
        previous_due_at=before.due_at,
        text=text,
    )


def _propose(story: Story, command: Propose, _desks: Desks) -> None:
    actor = story.moment.cause.actor
    story.change(state=State.PROPOSED, offer=None, proposed_by=actor)
    proposed = story.tell(
        ResolutionProposed,
        "resolution_proposed",
        said=command.text,
        detail={"remedy": command.remedy, **({"again": True} if story.case.contested_by == actor else {})},
        text=story.sealed("text", command.text),
        remedy=command.remedy,
    )
    story.change(resolution_id=proposed.event_id)


def _note(story: Story, command: Note, _desks: Desks) -> None:
    story.remember(command.note_id, "note", said=command.text)


def _begin(story: Story) -> None:
    """The first word to the customer shows that work has begun."""
    if story.case.state is State.ACCEPTED:
        story.change(state=State.IN_PROGRESS)


_STEPS: Mapping[type, Callable[[Story, Any, Desks], None]] = {
    Accept: _accept,
    Report: _report,
    Ask: _ask,
    Promise: _promise,
    Propose: _propose,
    Note: _note,
    RecordTold: recorded.told_by_phone,
    RecordAnswer: recorded.answer,
    RecordConfirmation: recorded.confirmation,
    Transfer: handover.offer,
    AcceptTransfer: handover.accept,
    DeclineTransfer: handover.decline,
    WithdrawTransfer: handover.withdraw,
}
