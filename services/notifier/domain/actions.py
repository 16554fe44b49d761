"""What a customer may do on the progress page, and what it changes. Doing it twice changes nothing more."""

from typing import Literal
from uuid import UUID

from services.notifier.domain.journey import Journey

Action = Literal["reply", "add", "confirm", "dispute", "rate"]
Answer = Literal["yes", "already", "no"]


def may(action: Action, journey: Journey) -> Answer:
    """Whether the customer may do it now; `already` when it was done for this question, answer or closing."""
    return _RULES[action](journey)


def done(action: Action, journey: Journey, rating: int | None = None) -> Journey:
    """The journey after the action, until the router has acted on it."""
    if action == "reply":
        return journey.evolve(replied=True)
    if action == "confirm":
        return journey.evolve(decision="confirmed")
    if action == "dispute":
        return journey.evolve(decision="disputed")
    return journey.evolve(rating=rating) if action == "rate" else journey


def about_of(action: Action, journey: Journey) -> UUID | None:
    """What the action is about now: the open question, the resolution that waits for a word; none for other actions."""
    if action == "reply":
        return journey.question_id
    return journey.resolution_id if action in ("confirm", "dispute") else None


def _reply(journey: Journey) -> Answer:
    if journey.phase != "waiting" or journey.question_id is None:
        return "no"
    return "already" if journey.replied else "yes"


def _add(journey: Journey) -> Answer:
    return "no" if journey.phase == "closed" else "yes"


def _confirm(journey: Journey) -> Answer:
    if journey.decision == "confirmed" or journey.closed_how == "confirmed":
        return "already"
    return "yes" if journey.phase == "proposed" and journey.decision is None else "no"


def _dispute(journey: Journey) -> Answer:
    """Also after closing: "not settled" reopens (design.md §3). A merged complaint is worked on elsewhere."""
    if journey.decision == "disputed":
        return "already"
    open_to_it = journey.phase == "proposed" or (journey.phase == "closed" and journey.closed_how != "merged")
    return "yes" if open_to_it and journey.decision is None else "no"


def _rate(journey: Journey) -> Answer:
    if journey.phase != "closed" and journey.decision != "confirmed":
        return "no"
    return "already" if journey.rating is not None else "yes"


_RULES = {"reply": _reply, "add": _add, "confirm": _confirm, "dispute": _dispute, "rate": _rate}
