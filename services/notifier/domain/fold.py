"""Applies events to a journey, one by one: what the customer sees changes, and which notices that calls for.

The newest state wins: an event that is older than what is known of its writer changes nothing. Events of different
topics come in any order, so the assignment may be known before the submission.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Entry, Plan, Step, Waits, What
from shared.events import intake, routing, sla
from shared.events.envelope import Event


def blank(event: Event) -> Journey:
    """What is known of a complaint of which this is the first event seen."""
    return Journey(
        complaint_id=event.complaint_id,
        reference=event.reference,
        pack=getattr(event, "pack", ""),
        language=getattr(event, "language", "zh"),
        person_id=getattr(event, "person_id", None),
    )


def fold(journey: Journey | None, event: Event) -> Step:
    """Apply one event."""
    before = journey or blank(event)
    writer = _WRITER.get(type(event))
    if writer is None or event.version <= getattr(before, writer):
        return Step(before)
    return _STEPS[type(event)](before.evolve(**{writer: event.version}), event)


# -- intake ------------------------------------------------------------------------------------------------------------


def _submitted(journey: Journey, event: intake.ComplaintSubmitted) -> Step:
    after = journey.evolve(
        pack=event.pack,
        language=event.language,
        person_id=event.person_id,
        channel=event.channel,
        received_at=event.received_at,
        told=True,
        reachable=event.email is not None,
        acknowledged="pending",
    )
    entry = Entry(
        complaint_id=event.complaint_id,
        event_id=event.event_id,
        at=event.received_at,
        what="received",
        text=event.text,
        field="text",
    )
    # Whatever came before the submission had nobody to go to, and waited.
    return _planned(
        after, _plan(event, after, "acknowledgement", waits="owner"), entries=(entry,), release=journey.held
    )


def _amended(journey: Journey, event: intake.ComplaintAmended) -> Step:
    return Step(journey, entries=(_entry(event, journey, "amended", event.text, "text"),))


# -- router ------------------------------------------------------------------------------------------------------------


def _owned(journey: Journey, event: routing.CaseEvent, **changes: Any) -> Journey:
    """The journey with what every event of a case repeats."""
    return journey.evolve(
        pack=event.pack,
        language=event.language,
        person_id=event.person_id,
        department=event.department,
        epoch=event.epoch,
        stage=event.stage,
        **changes,
    )


def _assigned(journey: Journey, event: routing.ComplaintAssigned) -> Step:
    after = _owned(journey, event, phase="assigned", question_id=None, replied=False)
    moved = event.previous_department is not None and event.previous_department != event.department
    handed_over = moved and event.how in ("transfer", "arbitration", "returned")
    entry = _entry(event, after, "transferred" if handed_over else "assigned")
    told_before = journey.acknowledged in ("bare", "full") and event.how != "reopen"
    if told_before and (moved or journey.acknowledged == "bare"):
        kind: Any = "transfer" if handed_over else "assignment"
        plan = _plan(event, after, kind, waits="owner", previous=event.previous_department if handed_over else None)
        return _planned(after.evolve(acknowledged="full"), plan, entries=(entry,))
    return _released(after, entries=(entry,))


def _accepted(journey: Journey, event: routing.ComplaintAccepted) -> Step:
    return Step(_owned(journey, event, phase="working"), entries=(_entry(event, journey, "accepted"),))


def _progress(journey: Journey, event: routing.ProgressReported) -> Step:
    after = _owned(journey, event)
    entry = _entry(event, after, "progress", event.text, "text")
    return _planned(after, _plan(event, after, "progress", says=True), entries=(entry,))


def _asked(journey: Journey, event: routing.CustomerAsked) -> Step:
    known = journey.answer_since is not None and journey.answer_since >= event.occurred_at
    after = _owned(
        journey,
        event,
        phase="waiting",
        question_id=event.event_id,
        replied=False,
        answer_due_at=journey.answer_due_at if known else None,
    )
    entry = _entry(event, after, "asked", event.question, "question")
    plan = _plan(event, after, "question", says=True, waits="answer_date")
    return _planned(after, plan, entries=(entry,))


def _answered(journey: Journey, event: routing.CustomerAnswered) -> Step:
    newer = journey.answer_since is not None and journey.answer_since > event.occurred_at
    after = _owned(
        journey,
        event,
        phase="working",
        question_id=None,
        replied=False,
        answer_due_at=journey.answer_due_at if newer else None,
    )
    # What the customer wrote on the page is in the story already; an answer by phone is not.
    by_phone = event.answer if not journey.replied else None
    entry = _entry(event, after, "answered" if event.answered else "went_on", by_phone, "answer" if by_phone else None)
    plan = _plan(event, after, "answer_received", waits="owner", variant="" if event.answered else "no_answer")
    return _planned(after, plan, entries=(entry,))


def _promised(journey: Journey, event: routing.PromiseMade) -> Step:
    after = _owned(journey, event)
    entry = _entry(event, after, "promised", event.text, "text", due_at=event.due_at)
    return _planned(after, _plan(event, after, "promise", says=True, due_at=event.due_at), entries=(entry,))


def _renewed(journey: Journey, event: routing.PromiseRenewed) -> Step:
    after = _owned(journey, event)
    entry = _entry(event, after, "postponed", event.text, "text", due_at=event.due_at)
    former, variant = event.previous_due_at, "promise"
    plan = _plan(event, after, "delay", says=True, due_at=event.due_at, former_due_at=former, variant=variant)
    return _planned(after, plan, entries=(entry,))


def _proposed(journey: Journey, event: routing.ResolutionProposed) -> Step:
    known = journey.confirmation_since is not None and journey.confirmation_since >= event.occurred_at
    after = _owned(
        journey,
        event,
        phase="proposed",
        question_id=None,
        replied=False,
        resolution_id=event.event_id,
        remedy=event.remedy,
        decision=None,
        confirmation_due_at=journey.confirmation_due_at if known else None,
    )
    entry = _entry(event, after, "proposed", event.text, "text")
    plan = _plan(event, after, "resolution", says=True, waits="confirmation_date")
    return _planned(after, plan, entries=(entry,))


def _closed(journey: Journey, event: routing.ComplaintClosed) -> Step:
    after = _owned(
        journey,
        event,
        phase="closed",
        closed_how=event.how,
        closed_at=event.occurred_at,
        question_id=None,
        replied=False,
        decision=None,
    )
    withdrawn = event.how == "withdrawn"
    entry = _entry(event, after, "withdrawn" if withdrawn else "closed")
    plan = _plan(event, after, "withdrawn" if withdrawn else "closure", variant="" if withdrawn else event.how)
    return _planned(after, plan, entries=(entry,))


def _reopened(journey: Journey, event: routing.ComplaintReopened) -> Step:
    after = _owned(
        journey,
        event,
        phase="assigned",
        closed_how=None,
        closed_at=None,
        resolution_id=None,
        remedy=None,
        decision=None,
        rating=None,
    )
    return _planned(after, _plan(event, after, "reopened", waits="owner"), entries=(_entry(event, after, "reopened"),))


# -- sla ---------------------------------------------------------------------------------------------------------------


def _clocks(journey: Journey, event: sla.ClockStarted | sla.ClockPaused | sla.ClockResumed) -> Step:
    changes: dict[str, Any] = {"clock_epoch": max(journey.clock_epoch, event.epoch)}
    for clock in event.clocks:
        running = clock.state == "running"
        if clock.kind == "journey":
            changes["journey_due_at"] = clock.due_at if running else None
        elif clock.kind in ("answer", "confirmation") and running:
            changes |= {f"{clock.kind}_due_at": clock.due_at, f"{clock.kind}_since": clock.started_at}
    return _released(journey.evolve(**changes))


def _warned(journey: Journey, event: sla.DeadlineWarned) -> Step:
    if event.new_due_at is not None:
        after = journey.evolve(extended_due_at=event.new_due_at)
        if journey.phase in ("closed", "proposed"):
            return Step(after)
        former = journey.due_at or event.deadline_at
        plan = _plan(event, after, "delay", due_at=event.new_due_at, former_due_at=former)
        return _planned(after, plan, entries=(_entry(event, after, "postponed", due_at=event.new_due_at),))
    if event.clock == "answer" and journey.question_id is not None and not journey.replied:
        return _planned(journey, _plan(event, journey, "reminder_answer", subject_id=journey.question_id))
    waits_for_word = journey.phase == "proposed" and journey.decision is None
    if event.clock == "confirmation" and journey.resolution_id is not None and waits_for_word:
        return _planned(journey, _plan(event, journey, "reminder_confirmation", subject_id=journey.resolution_id))
    return Step(journey)


def _breached(journey: Journey, event: sla.DeadlineBreached) -> Step:
    """A date told to the customer has passed, and no later one was told: say so at once (S71, S73)."""
    if event.clock not in ("journey", "promise") or journey.phase in ("closed", "proposed"):
        return Step(journey)
    date = event.deadline_at or event.due_at
    ours = event.clock == "journey" or date == journey.extended_due_at
    if ours and journey.due_at is not None and journey.due_at > event.fired_at:
        return Step(journey)
    plan = _plan(event, journey, "delay", former_due_at=date, variant="" if ours else "promise")
    return _planned(journey, plan)


# -- parts -------------------------------------------------------------------------------------------------------------


def _plan(event: Event, journey: Journey, kind: Any, *, says: bool = False, **more: Any) -> Plan:
    previous = more.pop("previous", None)
    subject = more.pop("subject_id", event.event_id if says else None)
    return Plan(
        complaint_id=event.complaint_id,
        kind=kind,
        cause_id=event.event_id,
        subject_id=subject,
        epoch=journey.epoch,
        previous_department=previous,
        **more,
    )


def _entry(
    event: Event,
    journey: Journey,
    what: What,
    text: str | None = None,
    field: str | None = None,
    due_at: datetime | None = None,
) -> Entry:
    return Entry(
        complaint_id=event.complaint_id,
        event_id=event.event_id,
        at=event.occurred_at,
        what=what,
        department=journey.department,
        text=text,
        field=field,
        due_at=due_at,
    )


def _planned(journey: Journey, plan: Plan, *, entries: tuple[Entry, ...] = (), release: bool = False) -> Step:
    """The step with a plan, which waits only for what is not yet known."""
    if is_known(journey, plan.waits):
        plan = replace(plan, waits="no")
    held = not journey.told or plan.waits != "no" or (journey.held and not release)
    return Step(journey.evolve(held=held), (plan,), entries, release)


def _released(journey: Journey, *, entries: tuple[Entry, ...] = ()) -> Step:
    """The step of news that a waiting notice may have waited for."""
    ready = journey.held and journey.told and (journey.informed or _dated(journey))
    return Step(journey.evolve(held=journey.held and not ready), entries=entries, release=ready)


def is_known(journey: Journey, waits: Waits) -> bool:
    """Whether what a notice waits for has come."""
    if waits == "owner":
        return journey.informed
    if waits == "answer_date":
        return journey.answer_due_at is not None
    if waits == "confirmation_date":
        return journey.confirmation_due_at is not None
    return True


def _dated(journey: Journey) -> bool:
    if journey.phase == "waiting":
        return journey.answer_due_at is not None
    return journey.phase == "proposed" and journey.confirmation_due_at is not None


_STEPS: Mapping[type[Event], Callable[[Journey, Any], Step]] = {
    intake.ComplaintSubmitted: _submitted,
    intake.ComplaintAmended: _amended,
    routing.ComplaintAssigned: _assigned,
    routing.ComplaintAccepted: _accepted,
    routing.ProgressReported: _progress,
    routing.CustomerAsked: _asked,
    routing.CustomerAnswered: _answered,
    routing.PromiseMade: _promised,
    routing.PromiseRenewed: _renewed,
    routing.ResolutionProposed: _proposed,
    routing.ComplaintClosed: _closed,
    routing.ComplaintReopened: _reopened,
    sla.ClockStarted: _clocks,
    sla.ClockPaused: _clocks,
    sla.ClockResumed: _clocks,
    sla.DeadlineWarned: _warned,
    sla.DeadlineBreached: _breached,
}
_VERSIONS: Mapping[str, str] = {"intake": "intake_version", "routing": "router_version", "sla": "sla_version"}
_WRITER: Mapping[type[Event], str] = {kind: _VERSIONS[kind.__module__.rpartition(".")[2]] for kind in _STEPS}
