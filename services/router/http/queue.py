"""The queue of a desk: what must I do next, and why."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from services.router.domain.case import TELLING, State
from services.router.domain.clocks import Dial, nearest, pressing, unpacked
from services.router.domain.rights import Actor
from services.router.http import views
from services.router.http.api import wish_of
from services.router.http.office import Office
from services.router.store.reading import View, Wish
from shared.policies.packs import Packs

VIEWS: tuple[View, ...] = ("queue", "offered", "all", "escalated", "closed")
STATES = tuple(state.value for state in State if state is not State.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address of a desk asks for, read forgivingly: an unknown value is no wish."""

    view: View
    state: str = ""
    department: str = ""
    words: str = ""
    after: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Filters":
        """From the query string."""
        view: View = next((one for one in VIEWS if one == query.get("view")), "queue")
        state = query.get("state", "")
        return cls(
            view=view,
            state=state if state in STATES and view != "closed" else "",
            department=query.get("department", "")[:48],
            words=query.get("q", "").strip()[:200],
            after=query.get("after", "")[:120],
        )

    def address(self, path: str = "/desk", **changes: str) -> str:
        """The desk's address with these filters and some changed; a change of filter begins at the first page."""
        values = {
            "view": self.view if self.view != "queue" else "",
            "state": self.state,
            "department": self.department,
            "q": self.words,
        }
        kept = {name: value for name, value in (values | changes).items() if value}
        return f"{path}?{urlencode(kept)}" if kept else path


def wish(office: Office, actor: Actor, filters: Filters, limit: int) -> Wish:
    """The filters as far as the actor may go."""
    view = filters.view
    if not office.reads_all(actor) and view in {"all", "escalated"}:
        view = "queue"
    # A search looks through everything one may read, unless a department is chosen.
    return wish_of(
        office,
        actor,
        department=filters.department or None,
        state=State(filters.state) if filters.state else None,
        view=view,
        words=filters.words,
        limit=limit,
        after=filters.after or None,
    )


def entry(row: Any, actor: Actor, packs: Packs, spoken: str) -> dict[str, Any]:
    """One case in the queue; `spoken` is the reader's language."""
    dials = unpacked(row["clocks"])
    dial = nearest(dials)
    return {
        "reference": row["reference"],
        "title": row["title"] or row["body"],
        "language": "zh-Hans" if row["language"] == "zh" else "en",
        "erased": row["erased"],
        "withheld": views.is_withheld(row),
        "state": row["closed_how"] if row["closed_how"] == "withdrawn" else row["state"],
        "priority": row["priority"],
        "channel": row["channel"],
        "store": views.store_said(row, packs, spoken),
        "stage": row["stage"],
        "department": views.name_of(row["department"], packs),
        "customer": row["name"],
        "received_at": row["received_at"],
        "attention": row["attention"],
        "escalated": row["escalated_to"] is not None and row["state"] != "closed",
        "undelivered": row["undelivered"],
        "next": next_step(row, actor),
        "due": shown_dial(dial, row["now"]) | {"shown": pressing(dials, row["now"])} if dial else None,
        "paused": row["state"] == State.WAITING and row["undelivered"] not in TELLING,
        "closed": row["state"] == State.CLOSED,
        "how": row["closed_how"],
        "since": row["since"],
    }


def shown_dial(dial: Dial, now: datetime) -> dict[str, Any]:
    """A clock as a page shows it."""
    return {
        "kind": dial.kind,
        "at": dial.due_at,
        "shown": dial.shown(now),
        "state": dial.state,
        "outcome": dial.outcome,
        "started_at": dial.started_at,
    }


def next_step(row: Any, actor: Actor) -> str:
    """What is to be done next; the key of its words."""
    offer, state = row["offer"], row["state"]
    if offer and offer["to"] == actor.department:
        return "decide" if offer["arbitration"] else "answer_transfer"
    if offer:
        return "wait_transfer"
    steps = {
        State.TRIAGE: "assign",
        State.ASSIGNED: "accept",
        State.WAITING: "wait_answer",
        State.PROPOSED: "wait_confirmation",
        State.CLOSED: "none",
    }
    reach = views.reach_of(row) if state in _ANSWERED_BY_PHONE else None
    spoken = _ANSWERED_BY_PHONE[state] if reach is not None and not reach.writable and reach.number else None
    if row["undelivered"] and state != State.CLOSED and spoken is None:
        return "call"
    if row["attention"] and state not in {State.TRIAGE, State.ASSIGNED}:
        return "read"
    if spoken is not None:
        return spoken
    if state in steps:
        return steps[State(state)]
    return {"promise": "keep_promise", "first_response": "tell", "silence": "tell"}.get(
        row["due_kind"] or "", "resolve"
    )


_ANSWERED_BY_PHONE: Mapping[str, str] = {State.WAITING: "ring_answer", State.PROPOSED: "ring_confirmation"}
"""What is to be done where the customer cannot be written to: the call-back, and then recording what they say."""


def digest_of(entries: list[dict[str, Any]], total: int, minute: str) -> str:
    """Changes when anything the list shows does; an open desk asks with it and gets nothing when nothing changed."""
    return hashlib.sha256(repr((entries, total, minute)).encode()).hexdigest()[:16]
