"""The parts that steps are made of: plans that wait only for what is not known, lines of the story, releases."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.plans import Entry, Plan, Step, Waits, What
from shared.events.envelope import Event


def plan_for(
    event: Event,
    journey: Journey,
    kind: NoticeKind,
    *,
    says: bool = False,
    subject_id: UUID | None = None,
    waits: Waits = "no",
    previous: str | None = None,
    due_at: datetime | None = None,
    former_due_at: datetime | None = None,
    variant: str = "",
) -> Plan:
    """The plan of a notice that an event calls for. `says`: it carries the words of that event."""
    return Plan(
        complaint_id=event.complaint_id,
        kind=kind,
        cause_id=event.event_id,
        subject_id=event.event_id if says else subject_id,
        epoch=journey.epoch,
        waits=waits,
        previous_department=previous,
        due_at=due_at,
        former_due_at=former_due_at,
        variant=variant,
    )


def entry_of(
    event: Event,
    journey: Journey,
    what: What,
    text: str | None = None,
    field: str | None = None,
    due_at: datetime | None = None,
) -> Entry:
    """The line of the story for an event."""
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


def planned(journey: Journey, plan: Plan, *, entries: tuple[Entry, ...] = (), release: bool = False) -> Step:
    """The step with a plan, which waits only for what is not yet known."""
    if is_known(journey, plan.waits):
        plan = replace(plan, waits="no")
    held = not journey.told or plan.waits != "no" or (journey.held and not release)
    return Step(_holding(journey, held), (plan,), entries, release)


def released(journey: Journey, *, entries: tuple[Entry, ...] = ()) -> Step:
    """The step of news that a waiting notice may have waited for."""
    ready = journey.held and journey.told and (journey.informed or _dated(journey))
    return Step(_holding(journey, journey.held and not ready), entries=entries, release=ready)


def _holding(journey: Journey, held: bool) -> Journey:
    return journey if journey.held == held else journey.evolve(held=held)


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
