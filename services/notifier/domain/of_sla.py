"""What the customer is told about dates, as sla tells them."""

from typing import Any

from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Step
from services.notifier.domain.steps import entry_of, plan_for, planned, released
from shared.events import sla


def clocks(journey: Journey, event: sla.ClockStarted | sla.ClockPaused | sla.ClockResumed) -> Step:
    """Dates as sla set them; what waited for a date may go."""
    changes: dict[str, Any] = {"clock_epoch": max(journey.clock_epoch, event.epoch)}
    for clock in event.clocks:
        running = clock.state == "running"
        if clock.kind == "journey":
            changes["journey_due_at"] = clock.due_at if running else None
        elif clock.kind in ("answer", "confirmation") and running:
            changes |= {f"{clock.kind}_due_at": clock.due_at, f"{clock.kind}_since": clock.started_at}
    if not isinstance(event, sla.ClockPaused) and event.new_due_at is not None:
        changes["extended_due_at"] = event.new_due_at
    return released(journey.evolve(**changes))


def warned(journey: Journey, event: sla.DeadlineWarned) -> Step:
    """A date comes near: a new date with an apology, or a reminder to whom we wait for."""
    if event.new_due_at is not None:
        after = journey.evolve(extended_due_at=event.new_due_at)
        if journey.phase in ("closed", "proposed"):
            return Step(after)
        former = journey.due_at or event.deadline_at
        plan = plan_for(event, after, "delay", due_at=event.new_due_at, former_due_at=former)
        return planned(after, plan, entries=(entry_of(event, after, "postponed", due_at=event.new_due_at),))
    if event.clock == "answer" and journey.question_id is not None and not journey.replied:
        return planned(journey, plan_for(event, journey, "reminder_answer", subject_id=journey.question_id))
    waits_for_word = journey.phase == "proposed" and journey.decision is None
    if event.clock == "confirmation" and journey.resolution_id is not None and waits_for_word:
        return planned(journey, plan_for(event, journey, "reminder_confirmation", subject_id=journey.resolution_id))
    return Step(journey)


def breached(journey: Journey, event: sla.DeadlineBreached) -> Step:
    """A date told to the customer has passed, and no later one was told: say so at once, with the new one (S71, S73)."""
    if event.clock not in ("journey", "promise") or journey.phase in ("closed", "proposed"):
        return Step(journey)
    date = event.deadline_at or event.due_at
    ours = event.clock == "journey" or date == journey.extended_due_at
    if ours and journey.due_at is not None and journey.due_at > event.fired_at:
        return Step(journey)
    if event.new_due_at is None:
        return planned(
            journey, plan_for(event, journey, "delay", former_due_at=date, variant="" if ours else "promise")
        )
    after = journey.evolve(extended_due_at=event.new_due_at)
    plan = plan_for(event, after, "delay", due_at=event.new_due_at, former_due_at=date)
    return planned(after, plan, entries=(entry_of(event, after, "postponed", due_at=event.new_due_at),))
