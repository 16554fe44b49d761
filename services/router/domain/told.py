"""What reaches a case from outside: the customer's words and decisions, and clocks that ran out."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.router.domain.case import Case, Desks, Placement, State
from services.router.domain.handover import end_wait, resume
from services.router.domain.story import Moment, Outcome, Story
from shared.events.envelope import Bilingual
from shared.events.intake import ComplaintSubmitted
from shared.events.routing import ComplaintClosed, ComplaintReopened, CustomerAnswered

NEXT_STAGE = Bilingual(
    zh="客户表示问题没有解决，下一阶段由其他部门处理。",
    en="The customer says it is not settled: somebody else handles the next stage.",
)
LAST_WORD = Bilingual(
    zh="客户再次表示问题没有解决，由最终裁决的投诉管理部再次处理。",
    en="The customer says again that it is not settled: the complaints office, which decides last, looks at it once more.",
)
_FINAL = frozenset({"merged"})


def submitted(
    event: ComplaintSubmitted, placement: Placement, desks: Desks, moment: Moment, about: str | None = None
) -> Outcome:
    """A complaint arrives and has its owner in the same step. The department it is `about` never gets it."""
    at_triage = placement.department == desks.triage
    story = Story.begun(
        Case(
            complaint_id=event.complaint_id,
            reference=event.reference,
            person_id=event.person_id,
            pack=event.pack,
            channel=event.channel,
            language=event.language,
            received_at=event.received_at,
            department=placement.department,
            state=State.TRIAGE if at_triage else State.ASSIGNED,
            since=moment.now,
            placement=placement,
            owners=(placement.department,),
            about=about,
            version=1,
        ),
        moment,
    )
    story.assigned("policy", None)
    return story.end()


def amended(case: Case, event_id: UUID, at: datetime, said: str | None, moment: Moment) -> Outcome:
    """The customer corrected or added to what they told."""
    return _heard(case, event_id, "amended", at, said, moment)


def added(case: Case, event_id: UUID, at: datetime, said: str | None, moment: Moment) -> Outcome:
    """The customer added a fact unasked."""
    return _heard(case, event_id, "customer_added", at, said, moment)


def withdrawn(case: Case, event_id: UUID, at: datetime, said: str | None, moment: Moment) -> Outcome:
    """The customer took the complaint back."""
    story = _hear(case, event_id, "withdrawn", at, said, moment)
    if case.state is not State.CLOSED:
        _close(story, "withdrawn")
    return story.end()


def replied(
    case: Case, event_id: UUID, at: datetime, question_id: UUID, said: str | None, moment: Moment, desks: Desks
) -> Outcome:
    """The customer answered a question. A late answer, or one to an older question, is a fact that was added."""
    story = _hear(case, event_id, "customer_replied", at, said, moment)
    if case.state is State.WAITING and case.question_id == question_id:
        answer(story, said, desks)
    return story.end()


def confirmed(case: Case, event_id: UUID, at: datetime, moment: Moment, resolution_id: UUID | None = None) -> Outcome:
    """The customer says it is settled. Said when nothing was proposed, or of another resolution than the one that waits
    for their word now, it is remembered and shown, no more.
    """
    story = _hear(case, event_id, "confirmed", at, None, moment)
    if case.state is State.PROPOSED:
        if _is_another(resolution_id, case.resolution_id):
            return story.end()
        settle(story)
    elif case.closed_how == "confirmed":  # recorded from the phone a moment before: no news
        story.change(attention=case.attention)
    elif case.state is State.CLOSED and case.closed_how == "no_answer":
        story.change(confirmed=True)
    return story.end()


def disputed(
    case: Case,
    event_id: UUID,
    at: datetime,
    said: str | None,
    moment: Moment,
    desks: Desks,
    place: Callable[[Case], Placement],
    resolution_id: UUID | None = None,
) -> Outcome:
    """The customer says "not settled": the case goes on at the next stage with somebody else (design §3). Said of another
    resolution than the one that waits for their word now, it is a fact to be read.

    `place` is the routing policy, asked about the case at its new stage.
    """
    story = _hear(case, event_id, "disputed", at, said, moment)
    if disputable(case) and not _is_over(case, at) and not _is_another(resolution_id, case.resolution_id):
        reopen(story, said, desks, place)
    return story.end()


def _is_another(told: UUID | None, now: UUID | None) -> bool:
    """Whether a word is known to be about something else than what waits for it; events of earlier releases name nothing."""
    return told is not None and now is not None and told != now


def disputable(case: Case) -> bool:
    """Whether "not settled" opens the case again: while a resolution is proposed, and after closing, also of one that was
    taken back. Only what was merged is worked on elsewhere.
    """
    return case.state is State.PROPOSED or (case.state is State.CLOSED and case.closed_how not in _FINAL)


def answer(story: Story, said: str | None, desks: Desks) -> None:
    """The open question is answered: the case goes on where it stood."""
    resume(story, desks)
    story.tell(CustomerAnswered, "answered", answered=True, answer=story.sealed("answer", said) if said else None)


def settle(story: Story) -> None:
    """The customer says that the proposed resolution settles it: the case closes."""
    story.change(confirmed=True)
    _close(story, "confirmed")


def reopen(story: Story, said: str | None, desks: Desks, place: Callable[[Case], Placement]) -> None:
    """The customer says that it is not settled: the next stage begins with somebody else."""
    case = story.case
    story.change(
        stage=case.stage + 1,
        contested=(*case.contested, case.department),
        final=False,
        confirmed=False,
        closed_how=None,
        pledge=None,
        contested_by=case.proposed_by or case.contested_by,
        proposed_by=None,
        resolution_id=None,
    )
    reason = story.sealed("reason", said) if said else None
    story.tell(ComplaintReopened, "reopened", reason=reason)
    placement = somebody_else(story.case, place(story.case), desks)
    if placement.department in story.case.contested:
        story.change(escalated_to="lead")
    story.hand_to(placement, "reopen", desks.triage)


def somebody_else(case: Case, wanted: Placement, desks: Desks) -> Placement:
    """The policy's owner for a reopened case, unless that one was contested already or is complained about.

    Then the complaints office has it, even a second time: a case goes up and not back to the triage desk, which handles
    nothing itself (C15). Only one about the office's own people goes there, to be given to somebody else.
    """
    barred = {*case.contested, case.about}
    if wanted.department not in barred:
        return wanted
    to = desks.triage if case.about == desks.office else desks.office
    return Placement(
        department=to,
        rule="next-stage",
        policy_version=wanted.policy_version,
        why=LAST_WORD if to in case.contested else NEXT_STAGE,
        priority=wanted.priority,
        category=wanted.category,
    )


def breached(
    case: Case,
    event_id: UUID,
    clock: str,
    epoch: int,
    fired_at: datetime,
    moment: Moment,
    desks: Desks,
    subject_id: UUID | None = None,
) -> Outcome:
    """A clock ran out. Two of them move the case: no word about the resolution, no answer to the question.

    A breach of an earlier owner's clock, one that fired before the present state began, or one of another question or
    resolution than the one that waits for a word now moves nothing. Every other one asks for attention.
    """
    story = Story(case, moment)
    story.remember(event_id, "breached", who="clock", at=fired_at, detail={"clock": clock})
    if epoch != case.epoch or fired_at < case.since:
        return story.end()
    if _is_another(subject_id, case.question_id if clock == "answer" else case.resolution_id):
        return story.end()
    if clock == "confirmation" and case.state is State.PROPOSED:
        _close(story, "no_answer")
        return story.end()
    if clock == "answer":
        end_wait(story, desks)
    if case.state is not State.CLOSED:
        story.change(attention=True)
    return story.end()


def escalated(case: Case, event_id: UUID, to: str, clock: str, at: datetime, moment: Moment) -> Outcome:
    """A rung of the escalation ladder was reached: the case is marked until it closes."""
    story = Story(case, moment)
    story.change(escalated_to=to)
    story.remember(event_id, "escalated", who="clock", at=at, detail={"to": to, "clock": clock})
    return story.end()


def _hear(case: Case, event_id: UUID, what: str, at: datetime, said: str | None, moment: Moment) -> Story:
    story = Story(case, moment)
    story.remember(event_id, what, said=said, who="customer", at=at)
    story.change(attention=not _is_over(case, at))
    return story


def _is_over(case: Case, at: datetime) -> bool:
    """Whether a word said then asks for nothing: the case was merged, or taken back after it was said."""
    return case.closed_how in _FINAL or (case.closed_how == "withdrawn" and at < case.since)


def _heard(case: Case, event_id: UUID, what: str, at: datetime, said: str | None, moment: Moment) -> Outcome:
    return _hear(case, event_id, what, at, said, moment).end()


def _close(story: Story, how: str) -> None:
    story.change(
        state=State.CLOSED,
        closed_how=how,
        offer=None,
        question_id=None,
        pledge=None,
        proposed_by=None,
        resolution_id=None,
        attention=False,
    )
    story.tell(ComplaintClosed, "closed", detail={"how": how}, how=how)
