"""Cases as the staff API shows them; the pages are made from the same values."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.router.domain.case import Case, Desks
from services.router.domain.clocks import Dial, Dials, unpacked
from services.router.domain.life import refusal_of
from services.router.domain.rights import COMMANDS, Action, Actor
from services.router.store.cases import case_of
from shared.events.intake import CALL_FORM
from shared.policies.packs import Packs
from shared.policies.stores import store_told

_ORDER = ("promise", "first_response", "owner", "silence", "answer", "confirmation", "journey")


class Reach(NamedTuple):
    """How a customer can be told something.

    Attributes:
        writable: there is an address, and the customer agreed to be written to.
        unwanted: there is an address, and the customer did not agree.
        number: where to ring: the one for call-backs, else the one that was left.
        linked: they were given their private link; whoever rang us and has no mail from us was not.
    """

    writable: bool
    unwanted: bool
    number: str | None
    linked: bool


_WORDS = ("title", "body", "name", "email", "phone", "call_back", "order_id", "store_id", "on_behalf_of", "wanted")


def withheld(row: Any) -> dict[str, Any]:
    """A case for somebody who may know that it is there, who has it and by when, and read nobody's words."""
    offer = row["offer"] and {**row["offer"], "reason": ""}
    return {**row, **dict.fromkeys(_WORDS), "reasons": {"owner": [], "priority": []}, "offer": offer, "withheld": True}


def is_withheld(row: Any) -> bool:
    """Whether a case is shown without anybody's words."""
    return bool(row.get("withheld", False))


def reach_of(row: Any) -> Reach:
    """How the customer of a case can be told something."""
    asked = row["call_back"] or {}
    return Reach(
        writable=bool(row["email"]) and row["consent"],
        unwanted=bool(row["email"]) and not row["consent"],
        number=asked.get("number") or row["phone"],
        linked=row["client"] != CALL_FORM,
    )


def summary(row: Any, packs: Packs) -> dict[str, Any]:
    """A case in a list."""
    dials = unpacked(row["clocks"])
    return {
        "complaint_id": str(row["complaint_id"]),
        "reference": row["reference"],
        "pack": row["pack"],
        "department": row["department"],
        "department_name": name_of(row["department"], packs),
        "state": row["state"],
        "since": _time(row["since"]),
        "epoch": row["epoch"],
        "stage": row["stage"],
        "priority": row["priority"],
        "category": row["category"],
        "channel": row["channel"],
        "language": row["language"],
        "received_at": _time(row["received_at"]),
        "due_at": _time(row["due_at"]),
        "due_kind": row["due_kind"],
        "clocks": clocks_of(dials, row["now"]),
        "offered_to": row["offered_to"],
        "closed_how": row["closed_how"],
        "attention": row["attention"],
        "escalated_to": row["escalated_to"],
        "undelivered": row["undelivered"],
        "title": row["title"],
        "text": row["body"],
        "customer_name": row["name"],
        "erased": row["erased"],
        "withheld": is_withheld(row),
    }


def whole(row: Any, history: Iterable[Any], actor: Actor, packs: Packs, desks: Desks) -> dict[str, Any]:
    """One case with its story and what the actor may do now."""
    case, pack = case_of(row), packs.by_name.get(row["pack"])
    store = pack.stores.get(row["store_id"]) if pack else None
    shown = summary(row, packs)
    del shown["customer_name"]
    return shown | {
        "version": case.version,
        "why": {"zh": row["why_zh"], "en": row["why_en"]},
        "rule": case.placement.rule,
        "policy_version": case.placement.policy_version,
        "reasons": row["reasons"],
        "transfers": case.transfers,
        "final": case.final,
        "owners": list(case.owners),
        "about_department": case.about,
        "offer": row["offer"],
        "question_id": str(case.question_id) if case.question_id else None,
        "resolution_id": str(case.resolution_id) if case.resolution_id else None,
        "promise": {"promise_id": str(case.pledge.promise_id), "due_at": _time(case.pledge.due_at)}
        if case.pledge
        else None,
        "confirmed": case.confirmed,
        "customer": {
            "name": row["name"],
            "email": row["email"],
            "phone": row["phone"],
            "call_back": row["call_back"],
            "on_behalf_of": row["on_behalf_of"],
            "consent": row["consent"],
        },
        "order_id": row["order_id"],
        "store_id": row["store_id"],
        "store": store.name.model_dump() if store else None,
        "wanted": row["wanted"],
        "repeat_of": row["repeat_of"],
        "client": row["client"],
        "about_staff": row["about_staff"],
        "trace_id": row["trace_id"],
        "actions": [action.value for action in possible(case, actor, desks)],
        "history": [_beginning(row), *(line(one, words=not is_withheld(row)) for one in history)],
    }


def possible(case: Case, actor: Actor, desks: Desks) -> list[Action]:
    """What the actor may do to the case now."""
    return [action for action in COMMANDS if refusal_of(case, action, actor, desks) is None]


def _beginning(row: Any) -> dict[str, Any]:
    """The first line of every history; it is not stored, the case says it all."""
    return {
        "event_id": None,
        "at": _time(row["received_at"]),
        "what": "submitted",
        "who": "customer",
        "department": row["owners"][0],
        "epoch": 1,
        "text": None,
        "detail": {"channel": row["channel"], "client": row["client"]},
    }


def line(row: Any, *, words: bool = True) -> dict[str, Any]:
    """A line of the history, with or without what was said."""
    return {
        "event_id": str(row["event_id"]),
        "at": _time(row["at"]),
        "what": row["what"],
        "who": row["who"],
        "department": row["department"],
        "epoch": row["epoch"],
        "text": row["body"] if words else None,
        "detail": row["detail"] or {},
    }


def clocks_of(dials: Dials, now: datetime) -> list[dict[str, Any]]:
    """The clocks in the order of `in_order`."""
    return [
        {
            "kind": dial.kind,
            "epoch": dial.epoch,
            "state": dial.state,
            "shown": dial.shown(now),
            "started_at": _time(dial.started_at),
            "due_at": _time(dial.due_at),
            "outcome": dial.outcome,
        }
        for dial in in_order(dials)
    ]


def in_order(dials: Dials) -> list[Dial]:
    """The clocks by their urgency for whoever works the case; promises by their dates."""
    return sorted(dials.values(), key=_urgency)


def _urgency(dial: Dial) -> tuple[int, datetime]:
    rank = _ORDER.index(dial.kind) if dial.kind in _ORDER else len(_ORDER)
    return rank, dial.due_at or dial.started_at


def name_of(department: str, packs: Packs) -> Mapping[str, str]:
    """The department's name in both languages; its id where the policies no longer know it."""
    try:
        name = packs.department(department).name
    except KeyError:
        return {"zh": department, "en": department}
    return {"zh": name.zh, "en": name.en}


def store_said(row: Any, packs: Packs, spoken: str) -> str | None:
    """The shop of a case as people read it; none where none was told."""
    told, pack = row["store_id"], packs.by_name.get(row["pack"])
    return store_told(pack.stores, told, spoken) if told and pack else told


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
