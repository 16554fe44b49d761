"""What the service knows of one complaint, and what it says when it learns more."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from services.sla.domain.dates import extension, fresh_date
from services.sla.domain.facts import TELLING, Fact, fact_of, with_fact
from services.sla.domain.life import ClockKey, Life, is_own_promise, live
from services.sla.domain.rules import Rules
from services.sla.domain.silence import AT_ONCE
from shared.events import routing, sla
from shared.events.envelope import Cause, Event, caused_by
from shared.events.notices import NoticeSent


class Shown(NamedTuple):
    """One clock as others see it."""

    kind: sla.ClockKind
    epoch: int
    state: sla.ClockState
    started_at: datetime
    due_at: datetime | None
    paused_at: datetime | None = None
    stopped_at: datetime | None = None
    outcome: str | None = None

    def in_event(self) -> dict[str, Any]:
        """As it travels in events, which make a `sla.Clock` of it: all in one go costs less than one by one."""
        return {
            "kind": self.kind,
            "epoch": self.epoch,
            "state": self.state,
            "started_at": self.started_at,
            "due_at": self.due_at,
            "outcome": self.outcome,
        }


class Case(NamedTuple):
    """One complaint.

    Attributes:
        rules: pinned at the first assignment; none before.
        facts: what happened, in its place.
        fired: `(clock, epoch, level)` of everything that fired.
        shown: the clocks as others were told of them.
        version: how many events we wrote about it.
    """

    complaint_id: UUID
    reference: str
    pack: str = ""
    language: str = "zh"
    person_id: UUID | None = None
    rules: Rules | None = None
    facts: tuple[Fact, ...] = ()
    fired: frozenset[tuple[str, int, str]] = frozenset()
    shown: Mapping[ClockKey, Shown] = MappingProxyType({})
    version: int = 0

    @property
    def life(self) -> Life:
        """What follows from the facts."""
        return Life() if self.rules is None else live(self.facts, self.rules)


class Voice:
    """Says things about one complaint: numbers events, repeats what each of them repeats."""

    def __init__(self, case: Case, life: Life, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._case = case
        self._head = life.head
        self._now = now
        self._new_id = new_id
        self.version = case.version
        self.said: list[Event] = []

    def say(self, kind: type[Event], cause: Cause, **fields: Any) -> Event:
        """One more event."""
        case, head = self._case, self._head
        assert head is not None  # a complaint without an owner has no clocks to speak of
        self.version += 1
        event = kind(
            event_id=self._new_id(),
            complaint_id=case.complaint_id,
            reference=case.reference,
            occurred_at=self._now,
            version=self.version,
            cause=cause,
            department=head.department,
            epoch=head.epoch,
            pack=case.pack,
            language=case.language,
            person_id=case.person_id,
            **fields,
        )
        self.said.append(event)
        return event


def learn(
    case: Case, event: Event, rules: Rules | None, now: datetime, new_id: Callable[[], UUID]
) -> tuple[Case, Life, Sequence[Event]]:
    """Take in an event of another service; answers the complaint after it and what there is to say.

    Args:
        case: the complaint before.
        event: what happened.
        rules: those in force now for its pack; pinned by an assignment that is the first we see.
        now: the database's time.
        new_id: draws event ids.
    """
    fact = fact_of(event)
    if fact is not None and type(event) is NoticeSent and _is_no_news(case, event):
        return case, case.life, ()
    facts = None if fact is None else with_fact(case.facts, fact)
    if facts is None:
        return case, case.life, ()
    first = case.rules is None
    if first and isinstance(event, routing.ComplaintAssigned):
        case = case._replace(rules=rules, pack=event.pack, language=event.language, person_id=event.person_id)
    life = Life() if case.rules is None else live(facts, case.rules)
    if case.rules is not None and fact is not None and fact.kind in _BACK_TO_WORK:
        due_at = fresh_date(life, case.rules, now)
        if due_at is not None:
            facts = with_fact(facts, extension(facts, life, due_at, now)) or facts
            life = live(facts, case.rules)
    shown, voice = announce(case, life, caused_by(event, "clock"), now, new_id, first=first)
    return case._replace(facts=facts, shown=shown, version=voice.version), life, voice.said


_BACK_TO_WORK = frozenset({"assigned", "answered", "reopened"})
"""What makes us work for a date, of which the customer is told in the same message."""


def _is_no_news(case: Case, heard: NoticeSent) -> bool:
    """Whether a notice followed receipt at once, which moves no clock."""
    if heard.notice in TELLING:
        return False
    made = next((fact.assignment for fact in case.facts if fact.assignment is not None), None)
    return made is not None and heard.sent_at - made.received_at < AT_ONCE


def announce(
    case: Case,
    life: Life,
    cause: Cause,
    now: datetime,
    new_id: Callable[[], UUID],
    *,
    first: bool = False,
) -> tuple[Mapping[ClockKey, Shown], "Voice"]:
    """Say what changed between the clocks as others know them and as they are: at most one event of each type."""
    shown = show(life)
    voice = Voice(case, life, now, new_id)
    changes = _changes(case.shown, shown)
    dated = _newly_dated(changes, life)
    for kind, clocks in changes.items():
        extra: dict[str, Any] = {"first": first} if kind is sla.ClockStarted else {}
        if dated and kind in _GIVES_DATES:
            extra["new_due_at"] = dated
        voice.say(kind, cause, clocks=tuple(clock.in_event() for clock in clocks), **extra)
    return shown, voice


def show(life: Life) -> dict[ClockKey, Shown]:
    """The clocks as others see them."""
    return {
        key: Shown(
            kind=clock.kind,
            epoch=clock.epoch,
            state=(state := clock.state),
            started_at=clock.started_at,
            due_at=None if state == "paused" else clock.deadline,
            paused_at=clock.paused_at,
            stopped_at=clock.stopped_at,
            outcome=clock.outcome,
        )
        for key, clock in life.clocks.items()
    }


def _changes(
    before: Mapping[ClockKey, Shown], after: Mapping[ClockKey, Shown]
) -> dict[type[sla.ClockEvent], list[Shown]]:
    """What to say of which clocks. Told in this order, each clock starts before it is paused, resumed or stopped."""
    changes: dict[type[sla.ClockEvent], list[Shown]] = {}
    for key, clock in after.items():
        for kind in _said_of(before.get(key), clock):
            changes.setdefault(kind, []).append(clock)
    return {kind: changes[kind] for kind in _IN_ORDER if kind in changes}


def _said_of(before: Shown | None, after: Shown) -> tuple[type[sla.ClockEvent], ...]:
    if before is None:
        return (sla.ClockStarted,) if after.state == "running" else (sla.ClockStarted, _BECAME[after.state])
    if before.state != after.state:
        return (_BECAME[after.state],)
    if after.state == "running" and before.due_at != after.due_at:
        # Only when an event came long after its turn: a pause that was not known is told now.
        return (sla.ClockPaused, sla.ClockResumed)
    return ()


def _newly_dated(changes: Mapping[type[sla.ClockEvent], list[Shown]], life: Life) -> datetime | None:
    """The date that the clock gives the customer with these changes."""
    own = (
        clock.due_at
        for kind in _GIVES_DATES
        for clock in changes.get(kind, ())
        if clock.kind == "promise" and clock.due_at is not None and is_own_promise(life.clocks[clock.kind, clock.epoch])
    )
    return max(own, default=None)


_GIVES_DATES: Sequence[type[sla.ClockEvent]] = (sla.ClockStarted, sla.ClockResumed)
_IN_ORDER: Sequence[type[sla.ClockEvent]] = (sla.ClockStarted, sla.ClockPaused, sla.ClockResumed, sla.ClockStopped)
_BECAME: Mapping[sla.ClockState, type[sla.ClockEvent]] = {
    "stopped": sla.ClockStopped,
    "paused": sla.ClockPaused,
    "running": sla.ClockResumed,
}
