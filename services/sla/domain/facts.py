"""What happened to a complaint, as far as time is concerned. Clocks follow from these facts and from nothing else."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from shared.events import notices, routing
from shared.events.envelope import Event

FactKind = Literal[
    "assigned", "accepted", "contact", "asked", "answered", "promised", "resolved", "closed", "reopened",
    "heard", "extended",
]  # fmt: skip
# `accepted` is read, no longer written: a click inside the house is no word to the customer, who was told when a person
# would be in touch (trial C9). Where an earlier release took it for one, the clock stays stopped.
_KINDS = frozenset(get_args(FactKind))
Said = Literal["confirmed", "disputed", "replied"]
TELLING = frozenset({"question", "resolution"})
"""The notices that tell the customer what they are waited for; the pause and the clock begin with them."""


class UnknownFact(ValueError):
    """A newer copy wrote a kind of fact that this one cannot weigh: without it every date would be a guess."""


class Assignment(NamedTuple):
    """Who owns the complaint, and the facts that choose its deadlines."""

    department: str
    epoch: int
    stage: int
    priority: str
    category: str | None
    channel: str
    received_at: datetime
    beyond: Mapping[str, Any] | None = None


_ASSIGNMENT = frozenset(Assignment._fields) - {"beyond"}


class Fact(NamedTuple):
    """One thing that happened.

    Attributes:
        order: the router's version of the complaint; for `heard` the notifier's; for `extended` how many there were.
            What the customer said on their page is a `heard` too: earlier releases read it as such.
        after: for `extended`, the router's version it followed.
        due_at: the date promised.
        subject: the promise it makes, moves or keeps; of a question or a resolution its event; of `heard` what the notice,
            or the customer's word, is about. None for a notice of earlier releases, which may have told anything.
        spoken: staff spoke to the customer, whose words they recorded, or whom they told something.
        said: the customer's own word, as the notifier heard it; the router acts on it when it has read it.
        tells: the question or resolution that staff told the customer on the phone.
        waits: of a question or a resolution: what it begins, begins when the customer was told. Earlier releases did not ask.
        beyond: fields that a newer copy wrote and this one does not know; written back as they are.
    """

    kind: FactKind
    at: datetime
    order: int
    after: int = 0
    assignment: Assignment | None = None
    due_at: datetime | None = None
    subject: UUID | None = None
    spoken: bool = False
    said: Said | None = None
    tells: UUID | None = None
    waits: bool = False
    beyond: Mapping[str, Any] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Names the fact within its complaint, so that it counts once."""
        writer = self.kind if self.kind in ("heard", "extended") else "routing"
        return writer, self.order

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among the facts of its complaint, in whatever order they became known."""
        return (self.after, self.order) if self.kind == "extended" else (self.order, 0)


_FACT = frozenset(Fact._fields) - {"beyond"}

_PLAIN: Mapping[type[Event], FactKind] = {
    routing.ProgressReported: "contact",
    routing.CustomerAsked: "asked",
    routing.CustomerAnswered: "answered",
    routing.ResolutionProposed: "resolved",
    routing.ComplaintClosed: "closed",
    routing.ComplaintReopened: "reopened",
}


def fact_of(event: Event) -> Fact | None:
    """The fact in an event; none when it says nothing about time."""
    kind = _PLAIN.get(type(event))
    if kind is not None:
        fact = Fact(kind=kind, at=event.occurred_at, order=event.version, spoken=_is_spoken(event))
        if isinstance(event, routing.ProgressReported):
            return fact._replace(subject=event.promise_id, tells=event.tells_event_id)
        waits = isinstance(event, routing.CustomerAsked | routing.ResolutionProposed)
        return fact._replace(subject=event.event_id, waits=True) if waits else fact
    if isinstance(event, routing.ComplaintAssigned):
        assignment = Assignment(
            department=event.department,
            epoch=event.epoch,
            stage=event.stage,
            priority=event.priority,
            category=event.category,
            channel=event.channel,
            received_at=event.received_at,
        )
        return Fact(kind="assigned", at=event.occurred_at, order=event.version, assignment=assignment)
    if isinstance(event, routing.PromiseMade | routing.PromiseRenewed):
        return Fact(
            kind="promised",
            at=event.occurred_at,
            order=event.version,
            due_at=event.due_at,
            subject=event.promise_id,
        )
    if isinstance(event, notices.NoticeSent):
        return Fact(kind="heard", at=event.sent_at, order=event.version, subject=_id(event.about))
    return _word_of(event)


def _word_of(event: Event) -> Fact | None:
    """What the customer said on their page: it counts from that moment, though the router may read it later."""
    if isinstance(event, notices.CustomerReplied):
        return _word("replied", event, event.question_event_id)
    if isinstance(event, notices.ComplaintConfirmed):
        return _word("confirmed", event, event.resolution_event_id)
    if isinstance(event, notices.ComplaintDisputed):
        return _word("disputed", event, event.resolution_event_id)
    return None


def _word(said: Said, event: Event, about: UUID | None) -> Fact:
    return Fact(kind="heard", at=event.occurred_at, order=event.version, subject=about, said=said)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _is_spoken(event: Event) -> bool:
    """Staff cause an answer or a "not settled" only by recording it; that they ended a wait is no answer."""
    if isinstance(event, routing.ProgressReported):
        return event.tells_event_id is not None
    said = isinstance(event, routing.ComplaintReopened) or (
        isinstance(event, routing.CustomerAnswered) and event.answered
    )
    return said and event.cause.by_staff


def with_fact(facts: tuple[Fact, ...], fact: Fact) -> tuple[Fact, ...] | None:
    """The facts and a new one in its place; none when it was known already."""
    if not facts or (fact.place > facts[-1].place and fact.kind != "heard"):
        return (*facts, fact)
    if any(known.key == fact.key for known in facts):
        return None
    return tuple(sorted((*facts, fact), key=lambda f: (f.place, f.kind)))


def to_json(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    """The facts as they are stored; moments and ids are left to whoever writes the JSON."""
    return [_fact_to_json(fact) for fact in facts]


def from_json(stored: Any) -> tuple[Fact, ...]:
    """Read back what `to_json` wrote, here or in a newer copy.

    Raises:
        UnknownFact: this copy does not know a kind of fact, or this is no list of facts.
    """
    if not isinstance(stored, list):
        raise UnknownFact
    return tuple(_fact_from_json(entry) for entry in stored)


def _fact_to_json(fact: Fact) -> dict[str, Any]:
    entry: dict[str, Any] = {**(fact.beyond or {}), "kind": fact.kind, "at": fact.at, "order": fact.order}
    if fact.after:
        entry["after"] = fact.after
    if fact.due_at is not None:
        entry["due_at"] = fact.due_at
    if fact.subject is not None:
        entry["subject"] = fact.subject
    if fact.spoken:
        entry["spoken"] = True
    if fact.said is not None:
        entry["said"] = fact.said
    if fact.tells is not None:
        entry["tells"] = fact.tells
    if fact.waits:
        entry["waits"] = True
    if (made := fact.assignment) is not None:
        entry["assignment"] = {
            **(made.beyond or {}),
            "department": made.department,
            "epoch": made.epoch,
            "stage": made.stage,
            "priority": made.priority,
            "category": made.category,
            "channel": made.channel,
            "received_at": made.received_at,
        }
    return entry


def _fact_from_json(entry: Mapping[str, Any]) -> Fact:
    made = entry.get("assignment")
    due_at, subject, tells = entry.get("due_at"), entry.get("subject"), entry.get("tells")
    if entry["kind"] not in _KINDS:
        raise UnknownFact
    return Fact(
        kind=entry["kind"],
        at=datetime.fromisoformat(entry["at"]),
        order=entry["order"],
        after=entry.get("after", 0),
        due_at=None if due_at is None else datetime.fromisoformat(due_at),
        subject=None if subject is None else UUID(subject),
        spoken=entry.get("spoken", False),
        said=entry.get("said"),
        tells=None if tells is None else UUID(tells),
        waits=entry.get("waits", False),
        assignment=None if made is None else _assignment(made),
        beyond=None if entry.keys() <= _FACT else {key: entry[key] for key in entry.keys() - _FACT},
    )


def _assignment(made: Mapping[str, Any]) -> Assignment:
    beyond = None
    if not made.keys() <= _ASSIGNMENT:
        beyond = {key: made[key] for key in made.keys() - _ASSIGNMENT}
        made = {key: made[key] for key in made.keys() & _ASSIGNMENT}
    return Assignment(**{**made, "received_at": datetime.fromisoformat(made["received_at"]), "beyond": beyond})
