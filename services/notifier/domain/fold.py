"""Applies events to a journey, one by one: what the customer sees changes, and which notices that calls for.

The newest state wins: an event that is older than what is known of its writer changes no state. That happens when a dead
letter is replayed; its words are still part of the story, and told when they still make sense. Events of different topics
come in any order, so the assignment may be known before the submission.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.notifier.domain import of_router, of_sla
from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Entry, Step
from services.notifier.domain.steps import entry_of, plan_for, planned
from shared.events import intake, routing, sla
from shared.events.envelope import Event

_BLANK = Journey(complaint_id=UUID(int=0), reference="", pack="", language="zh")


def blank(event: Event) -> Journey:
    """What is known of a complaint of which this is the first event seen."""
    return _BLANK.evolve(
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
    if writer is None:
        return Step(before)
    seen: int = getattr(before, writer)
    if type(event) is intake.ComplaintSubmitted:
        return Step(before) if before.told else _submitted(before, event)
    if event.version > seen:
        return _STEPS[type(event)](before.evolve(**{writer: event.version}), event)
    late: Step = _STEPS[type(event)](before, event)
    return Step(before, late.plans, late.entries, late=True)


def _submitted(journey: Journey, event: intake.ComplaintSubmitted) -> Step:
    after = journey.evolve(
        intake_version=max(journey.intake_version, event.version),
        pack=event.pack,
        language=event.language,
        person_id=event.person_id,
        channel=event.channel,
        received_at=event.received_at,
        told=True,
        reachable=event.email is not None,
        consent=event.consent,
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
    return planned(
        after, plan_for(event, after, "acknowledgement", waits="owner"), entries=(entry,), release=journey.held
    )


def _amended(journey: Journey, event: intake.ComplaintAmended) -> Step:
    return Step(journey, entries=(entry_of(event, journey, "amended", event.text, "text"),))


_STEPS: Mapping[type[Event], Callable[[Journey, Any], Step]] = {
    intake.ComplaintSubmitted: _submitted,
    intake.ComplaintAmended: _amended,
    routing.ComplaintAssigned: of_router.assigned,
    routing.ComplaintAccepted: of_router.accepted,
    routing.ProgressReported: of_router.progress,
    routing.CustomerAsked: of_router.asked,
    routing.CustomerAnswered: of_router.answered,
    routing.PromiseMade: of_router.promised,
    routing.PromiseRenewed: of_router.renewed,
    routing.ResolutionProposed: of_router.proposed,
    routing.ComplaintClosed: of_router.closed,
    routing.ComplaintReopened: of_router.reopened,
    sla.ClockStarted: of_sla.clocks,
    sla.ClockPaused: of_sla.clocks,
    sla.ClockResumed: of_sla.clocks,
    sla.DeadlineWarned: of_sla.warned,
    sla.DeadlineBreached: of_sla.breached,
}
_VERSIONS: Mapping[str, str] = {"intake": "intake_version", "routing": "router_version", "sla": "sla_version"}
_WRITER: Mapping[type[Event], str] = {kind: _VERSIONS[kind.__module__.rpartition(".")[2]] for kind in _STEPS}
