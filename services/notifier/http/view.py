"""The progress page in words: where it is, who has it, until when, what happened, what the customer can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, get_args

from services.notifier.domain.actions import Action, Answer, about_of, may
from services.notifier.domain.compose import department_name, zone_of
from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import What
from services.notifier.http.customers import Opened
from services.notifier.store.reading import Line, Sent
from shared.policies import Packs, Store
from shared.policies.stores import store_told
from shared.runtime.web.look import DEFAULT_ZONE
from shared.runtime.web.texts import Catalogue, Language

STEPS = ("received", "assigned", "working", "proposed", "closed")
_REACHED = {"received": 1, "assigned": 2, "working": 3, "waiting": 3, "proposed": 4, "closed": 5}
_OURS = frozenset(
    {
        "received", "amended", "replied", "added", "confirmed", "disputed", "rated",
        "answered_by_phone", "closed_by_phone", "reopened_by_phone",
    }
)  # fmt: skip
_KNOWN = frozenset(get_args(What))
_SHAPES = {"closed": "settled", "closed_by_phone": "settled", "asked": "now", "proposed": "now"}
_ACTIONS: tuple[Action, ...] = ("reply", "add", "confirm", "dispute", "rate")
_SHOWN_STATES = frozenset({"sent", "failed", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything the template says.

    Attributes:
        state: key of the one sentence on top.
        steps: of the way, each with its words and `past`, `now` or `todo`.
        waits_for_you: the page leads with a form.
        unwanted: the customer left an address and did not agree to be written to.
        beyond_holidays: says of a date whether the holidays of that time are not known yet.
        errors: by field of the form that was refused; `kept` is what had been typed.
    """

    reference: str
    store: str
    state: str
    department: str
    duty: str
    due_at: datetime | None
    late: bool
    paused: bool
    answer_due_at: datetime | None
    question: str
    resolution: str
    remedy: str
    replied: bool
    decision: str | None
    rating: int | None
    can: Mapping[Action, Answer]
    steps: tuple[tuple[str, str], ...]
    story: tuple[Mapping[str, Any], ...]
    sent: tuple[Mapping[str, Any], ...]
    unwanted: bool
    tz: tzinfo
    about: Mapping[str, str]
    beyond_holidays: Callable[[datetime], bool]
    ends_at: datetime | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


def page_of(opened: Opened, packs: Packs, texts: Catalogue, language: Language) -> Page:
    """The page of a complaint."""
    journey = opened.journey
    reached = _REACHED[journey.phase]
    due_at = journey.due_at if journey.phase in ("received", "assigned", "working") else None
    waits_until = journey.answer_due_at if journey.phase == "waiting" else journey.confirmation_due_at
    return Page(
        reference=journey.reference,
        store=store_told(_stores(packs, journey), opened.store, language),
        state=_state(journey),
        department=department_name(packs, journey.department, language),
        duty=_duty(packs, journey.department, language),
        due_at=due_at,
        late=due_at is not None and due_at < opened.now,
        paused=journey.phase == "waiting" and not journey.replied,
        answer_due_at=waits_until if journey.phase in ("waiting", "proposed") else None,
        question=opened.words_of(journey.question_id),
        resolution=opened.words_of(journey.resolution_id),
        remedy=_remedy(texts, journey.remedy, language),
        replied=journey.replied,
        decision=journey.decision,
        rating=journey.rating,
        can={action: may(action, journey) for action in _ACTIONS},
        steps=tuple(
            (texts.say(f"progress.step.{step}", language), "past" if n < reached else "now" if n == reached else "todo")
            for n, step in enumerate(STEPS, 1)
        ),
        story=tuple(_item(line, text, packs, texts, language) for line, text in reversed(opened.lines)),
        sent=tuple(_message(sent, texts, language) for sent in reversed(opened.sent) if sent.state in _SHOWN_STATES),
        unwanted=journey.reachable and not journey.consent,
        tz=_zone(packs, journey),
        about=_about(journey),
        beyond_holidays=partial(_beyond_holidays, packs, journey),
        ends_at=opened.ends_at,
    )


def _stores(packs: Packs, journey: Journey) -> Mapping[str, Store]:
    pack = packs.by_name.get(journey.pack)
    return pack.stores if pack is not None else {}


def _about(journey: Journey) -> dict[str, str]:
    """What each action would be about: ids that its form brings back, so that an old page answers no newer question."""
    found = {action: about_of(action, journey) for action in _ACTIONS}
    return {action: str(one) for action, one in found.items() if one is not None}


def _state(journey: Journey) -> str:
    if journey.phase == "closed":
        return f"progress.state.closed_{journey.closed_how}"
    if journey.decision is not None:
        return f"progress.state.said_{journey.decision}"
    if journey.phase == "waiting" and journey.replied:
        return "progress.state.replied"
    return f"progress.state.{journey.phase}"


def _item(line: Line, text: str, packs: Packs, texts: Catalogue, language: Language) -> Mapping[str, Any]:
    name = department_name(packs, line.department, language) or texts.say("progress.we", language)
    known = line.what if line.what in _KNOWN else "other"  # a copy of a newer version writes more, during an upgrade
    kind = _SHAPES.get(line.what, "")
    return {
        "title": texts.say(f"progress.what.{known}", language, department=name),
        "at": line.at,
        "text": text or None,
        "kind": kind,
        "yours": line.what in _OURS,
        "due_at": line.due_at,
    }


def _message(sent: Sent, texts: Catalogue, language: Language) -> Mapping[str, Any]:
    return {
        "kind": texts.say(f"notices.kind.{sent.kind}", language),
        "at": sent.at,
        "state": texts.say(f"progress.sent.{sent.state}", language),
        "shape": {"sent": "settled", "failed": "late", "unknown": "soon"}[sent.state],
    }


def _duty(packs: Packs, department: str | None, language: Language) -> str:
    try:
        return packs.department(department or "").duty.in_(language)
    except KeyError:
        return ""


def _remedy(texts: Catalogue, remedy: str | None, language: Language) -> str:
    key = f"progress.remedy.{remedy}"
    return texts.say(key, language) if key in texts else ""


def _zone(packs: Packs, journey: Journey) -> tzinfo:
    pack = packs.by_name.get(journey.pack)
    return zone_of(pack, journey.department) if pack is not None else DEFAULT_ZONE


def _beyond_holidays(packs: Packs, journey: Journey, at: datetime) -> bool:
    pack = packs.by_name.get(journey.pack)
    return pack is not None and pack.is_beyond_known_holidays(at, _zone(packs, journey))


def document_of(opened: Opened, packs: Packs) -> dict[str, Any]:
    """The same as JSON, for programs: codes and times, texts as they were written."""
    journey = opened.journey
    return {
        "reference": journey.reference,
        "state": journey.phase,
        "closed_how": journey.closed_how,
        "owner": {
            "id": journey.department,
            "name": {language: department_name(packs, journey.department, language) for language in ("zh", "en")},
        }
        if journey.department
        else None,
        "store": _store(opened, packs),
        "due_at": _iso(journey.due_at),
        "question": opened.words_of(journey.question_id) or None,
        "answer_due_at": _iso(journey.answer_due_at) if journey.phase == "waiting" else None,
        "resolution": opened.words_of(journey.resolution_id) or None,
        "confirmation_due_at": _iso(journey.confirmation_due_at) if journey.phase == "proposed" else None,
        "about": _about(journey),
        "can": [action for action in _ACTIONS if may(action, journey) == "yes"],
        "story": [{"what": line.what, "at": _iso(line.at), "text": text or None} for line, text in opened.lines],
        "notices": [
            {"kind": sent.kind, "channel": sent.channel, "state": sent.state, "at": _iso(sent.at)}
            for sent in opened.sent
        ],
    }


def _store(opened: Opened, packs: Packs) -> dict[str, Any] | None:
    store = _stores(packs, opened.journey).get(opened.store)
    return {"id": opened.store, "name": store.name.model_dump() if store else None} if opened.store else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
