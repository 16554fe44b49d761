"""What the customer is told about the life of the case, as the router tells it."""

from typing import Any

from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.plans import Step
from services.notifier.domain.steps import entry_of, plan_for, planned, released
from shared.events import routing


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


def assigned(journey: Journey, event: routing.ComplaintAssigned) -> Step:
    """A new owner. The first one is told in the acknowledgement; later ones in a notice of their own."""
    after = _owned(journey, event, phase="assigned", question_id=None, replied=False)
    moved = event.previous_department is not None and event.previous_department != event.department
    handed_over = moved and event.how in ("transfer", "arbitration", "returned")
    entry = entry_of(event, after, "transferred" if handed_over else "assigned")
    told_before = journey.acknowledged in ("bare", "full") and event.how != "reopen"
    if told_before and (moved or journey.acknowledged == "bare"):
        kind: NoticeKind = "transfer" if handed_over else "assignment"
        previous = event.previous_department if handed_over else None
        variant = "arbitration" if event.how == "arbitration" else ""
        plan = plan_for(event, after, kind, waits="owner", previous=previous, variant=variant)
        return planned(after.evolve(acknowledged="full"), plan, entries=(entry,))
    return released(after, entries=(entry,))


def accepted(journey: Journey, event: routing.ComplaintAccepted) -> Step:
    """A handler began: shown on the page, no message."""
    return Step(_owned(journey, event, phase="working"), entries=(entry_of(event, journey, "accepted"),))


def progress(journey: Journey, event: routing.ProgressReported) -> Step:
    """Words for the customer: sent as they are. What staff told them on the phone stands on the page alone."""
    after = _owned(journey, event)
    if event.tells_event_id is not None:
        return Step(after, entries=(entry_of(event, after, "told_by_phone", event.text, "text"),))
    entry = entry_of(event, after, "progress", event.text, "text")
    return planned(after, plan_for(event, after, "progress", says=True), entries=(entry,))


def asked(journey: Journey, event: routing.CustomerAsked) -> Step:
    """A question: the case waits; the message waits a little for the date until which it is open."""
    known = journey.answer_since is not None and journey.answer_since >= event.occurred_at
    after = _owned(
        journey,
        event,
        phase="waiting",
        question_id=event.event_id,
        replied=False,
        answer_due_at=journey.answer_due_at if known else None,
    )
    entry = entry_of(event, after, "asked", event.question, "question")
    plan = plan_for(event, after, "question", says=True, waits="answer_date")
    return planned(after, plan, entries=(entry,))


def answered(journey: Journey, event: routing.CustomerAnswered) -> Step:
    """The waiting is over: thanks, or a kind word when the time ran out, with the new date."""
    newer = journey.answer_since is not None and journey.answer_since > event.occurred_at
    after = _owned(
        journey,
        event,
        phase="working",
        question_id=None,
        replied=False,
        answer_due_at=journey.answer_due_at if newer else None,
    )
    # What the customer wrote on the page is in the story already; what staff recorded from the phone is not.
    if event.answered and event.cause.by_staff:
        entry = entry_of(event, after, "answered_by_phone", event.answer, "answer" if event.answer else None)
    else:
        entry = entry_of(event, after, "answered" if event.answered else "went_on")
    plan = plan_for(event, after, "answer_received", waits="owner", variant="" if event.answered else "no_answer")
    return planned(after, plan, entries=(entry,))


def promised(journey: Journey, event: routing.PromiseMade) -> Step:
    """A promise, in writing."""
    after = _owned(journey, event)
    entry = entry_of(event, after, "promised", event.text, "text", due_at=event.due_at)
    return planned(after, plan_for(event, after, "promise", says=True, due_at=event.due_at), entries=(entry,))


def renewed(journey: Journey, event: routing.PromiseRenewed) -> Step:
    """A promise gets a new date: an apology with the reason."""
    after = _owned(journey, event)
    entry = entry_of(event, after, "postponed", event.text, "text", due_at=event.due_at)
    former, variant = event.previous_due_at, "promise"
    plan = plan_for(event, after, "delay", says=True, due_at=event.due_at, former_due_at=former, variant=variant)
    return planned(after, plan, entries=(entry,))


def proposed(journey: Journey, event: routing.ResolutionProposed) -> Step:
    """An answer: the customer is asked whether it settles the matter."""
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
    entry = entry_of(event, after, "proposed", event.text, "text")
    plan = plan_for(event, after, "resolution", says=True, waits="confirmation_date")
    return planned(after, plan, entries=(entry,))


def closed(journey: Journey, event: routing.ComplaintClosed) -> Step:
    """The end, and how it came."""
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
    settled = event.how == "confirmed" and event.cause.by_staff
    entry = entry_of(event, after, "withdrawn" if withdrawn else "closed_by_phone" if settled else "closed")
    plan = plan_for(event, after, "withdrawn" if withdrawn else "closure", variant="" if withdrawn else event.how)
    return planned(after, plan, entries=(entry,))


def reopened(journey: Journey, event: routing.ComplaintReopened) -> Step:
    """Not settled after all. One message; the assignment that follows sends none."""
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
    if event.cause.by_staff:
        entry = entry_of(event, after, "reopened_by_phone", event.reason, "reason" if event.reason else None)
    else:
        entry = entry_of(event, after, "reopened")
    variant = "withdrawn" if journey.closed_how == "withdrawn" else ""
    return planned(after, plan_for(event, after, "reopened", waits="owner", variant=variant), entries=(entry,))
