"""From what happened to the clocks: a pure fold, the same for every order in which the facts became known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from services.sla.domain.calendar import NOTHING
from services.sla.domain.clocks import Clock
from services.sla.domain.facts import Assignment, Fact
from services.sla.domain.measures import WALL, WALL_TIME, Budget, Length
from services.sla.domain.phases import Phase, Stretch
from services.sla.domain.rules import Rules, Terms
from services.sla.domain.silence import silence_clock
from shared.events.sla import ClockKind
from shared.policies.sla import ClockKind as SpanClock

ClockKey = tuple[ClockKind, int]
Lengths = Mapping[SpanClock, Length]

PROMISE_STEP = 10
MOST_DATES = PROMISE_STEP - 1
"""Promises of the router have ten times their event's version as epoch; the dates that the clock gave (at most nine) lie
between. So epochs of promises grow with time, and are the same in whatever order events arrive."""


class Life(NamedTuple):
    """What follows from all facts of a complaint.

    Attributes:
        head: the latest assignment; none while the complaint has no owner.
        terms: the row of deadlines that new clocks follow.
        clocks: every clock there ever was; of silence only the latest.
        extensions: how often a delay notice moved the date before it had passed.
        dates: how often the clock gave a new date, then or in place of one that had passed.
        known_since: when the complaint reached its first owner; a complaint may have been received long before.
    """

    head: Assignment | None = None
    terms: Terms | None = None
    phase: Phase = "unowned"
    stretches: tuple[Stretch, ...] = ()
    clocks: Mapping[ClockKey, Clock] = MappingProxyType({})
    extensions: int = 0
    closed_at: datetime | None = None
    dates: int = 0
    known_since: datetime | None = None

    def running(self) -> Iterable[Clock]:
        """The clocks that run."""
        return (clock for clock in self.clocks.values() if clock.stopped_at is None and clock.paused_at is None)


def is_own_promise(clock: Clock) -> bool:
    """Whether the date was given by the clock, in a delay notice or in place of a past one, not by a person."""
    return clock.kind == "promise" and clock.epoch % PROMISE_STEP != 0


def live(facts: Iterable[Fact], rules: Rules) -> Life:
    """Fold the facts of one complaint, which are in their place."""
    fold = _Fold(rules)
    for fact in facts:
        if fact.kind == "heard" or fact.spoken:
            fold.heard.append(fact.at)
        if fact.kind != "heard" and (fact.kind == "assigned" or fold.head is not None):
            _APPLY[fact.kind](fold, fact)
    return fold.end()


class _Fold:
    """The state of a fold. Lives for one call of `live`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.head: Assignment | None = None
        self.terms: Terms | None = None
        self.clocks: dict[ClockKey, Clock] = {}
        self.stretches: list[Stretch] = []
        self.phase: Phase = "unowned"
        self.since: datetime | None = None
        self.terms_since: list[tuple[datetime, Terms]] = []
        self.extensions = 0
        self.dates = 0
        self.known_since: datetime | None = None
        self.heard: list[datetime] = []

    # -- facts ---------------------------------------------------------------------------------------------------------

    def assigned(self, fact: Fact) -> None:
        assert fact.assignment is not None
        made, before = fact.assignment, self.head
        terms = self.rules.choose(made.priority, made.category, made.channel)
        works_by = self.rules.calendar_of(made.department, terms)
        if before is None:
            self.since = made.received_at
            self.known_since = fact.at
            self._start("journey", 1, terms.lengths, terms.calendar, made.received_at)
            self._start("first_response", 1, terms.lengths, works_by, made.received_at)
        else:
            self._stop("owner", fact.at)
        self.head, self.terms = made, terms
        self.terms_since.append((fact.at, terms))
        if self.phase in ("confirming", "closed"):
            self._back_to_work(fact.at)
        self._begin("waiting" if self.phase == "waiting" else "handling", fact.at, before)
        self._start("owner", made.epoch, terms.lengths, works_by, fact.at)
        if self.phase == "waiting":
            self._each(("owner",), lambda clock: clock.pause(fact.at))

    def accepted(self, fact: Fact) -> None:
        self._stop("first_response", fact.at)

    def contact(self, fact: Fact) -> None:
        self._stop("first_response", fact.at)
        if fact.subject is not None:
            self._each(("promise",), lambda clock: clock.stop(fact.at) if clock.subject == fact.subject else clock)

    def asked(self, fact: Fact) -> None:
        self._stop("first_response", fact.at)
        if self.phase == "closed":
            return
        if self.phase == "confirming":
            self._back_to_work(fact.at)
        self._stop("answer", fact.at)
        terms = self._terms()
        self._start("answer", fact.order, terms.lengths, terms.calendar, fact.at, fact.subject)
        self._each(("journey", "owner"), lambda clock: clock.pause(fact.at))
        self._own_promises(lambda clock: clock.pause(fact.at))
        self._begin("waiting", fact.at, self.head)

    def answered(self, fact: Fact) -> None:
        if fact.spoken:
            self._stop("first_response", fact.at)
        self._stop("answer", fact.at)
        if self.phase == "waiting":
            self._resume(("journey", "owner"), fact.at)
            self._own_promises(lambda clock: clock.resume(fact.at) if clock.stopped_at is None else clock)
            self._begin("handling", fact.at, self.head)

    def promised(self, fact: Fact) -> None:
        assert fact.due_at is not None
        self._stop("first_response", fact.at)
        if self.phase != "closed":
            self._promise(PROMISE_STEP * fact.order, fact.at, fact.due_at, fact.subject)

    def extended(self, fact: Fact) -> None:
        assert fact.due_at is not None
        self.dates += 1
        if any(clock.deadline > fact.at for clock in self._answer_dates()):
            self.extensions += 1
        if self.phase != "closed":
            self._promise(PROMISE_STEP * fact.after + fact.order, fact.at, fact.due_at, None)

    def resolved(self, fact: Fact) -> None:
        if self.phase == "closed":
            return
        for kind in _ENDED_BY_ANSWER:
            self._stop(kind, fact.at)
        self._stop("confirmation", fact.at)
        self._each(("journey",), lambda clock: clock.pause(fact.at))
        terms = self._terms()
        self._start("confirmation", fact.order, terms.lengths, terms.calendar, fact.at, fact.subject)
        self._begin("confirming", fact.at, self.head)

    def closed(self, fact: Fact) -> None:
        if self.phase != "closed":
            self.clocks = {key: clock.stop(fact.at) for key, clock in self.clocks.items()}
            self._begin("closed", fact.at, self.head)

    def reopened(self, fact: Fact) -> None:
        if fact.spoken:
            self._stop("first_response", fact.at)
        if self.phase in ("confirming", "closed"):
            self._back_to_work(fact.at)
            self._begin("handling", fact.at, self.head)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _terms(self) -> Terms:
        assert self.terms is not None
        return self.terms

    def _start(
        self, kind: SpanClock, epoch: int, lengths: Lengths, calendar: str, at: datetime, subject: UUID | None = None
    ) -> None:
        budget, due = lengths[kind].begin(calendar, self.rules.calendars[calendar], at)
        self.clocks[kind, epoch] = Clock(
            kind=kind, epoch=epoch, budget=budget, started_at=at, deadline=due, subject=subject
        )

    def _promise(self, epoch: int, at: datetime, due_at: datetime, subject: UUID | None) -> None:
        """A date told to the customer. It takes the place of the one told before of the same promise, or of the date that
        a delay notice gave; other promises stand.
        """
        self._each(("promise",), lambda clock: clock.give_way(at) if clock.subject == subject else clock)
        budget = Budget(WALL, WALL_TIME, max(due_at - at, NOTHING))
        self.clocks["promise", epoch] = Clock(
            kind="promise", epoch=epoch, budget=budget, started_at=at, deadline=due_at, subject=subject
        )

    def _answer_dates(self) -> Iterator[Clock]:
        """What tells the customer when they get an answer: the journey, and the dates that the clock gave."""
        for clock in self.clocks.values():
            if clock.stopped_at is None and (clock.kind == "journey" or is_own_promise(clock)):
                yield clock

    def _each(self, kinds: tuple[ClockKind, ...], change: Callable[[Clock], Clock]) -> None:
        for key, clock in self.clocks.items():
            if key[0] in kinds:
                self.clocks[key] = change(clock)

    def _own_promises(self, change: Callable[[Clock], Clock]) -> None:
        self._each(("promise",), lambda clock: change(clock) if is_own_promise(clock) else clock)

    def _stop(self, kind: ClockKind, at: datetime) -> None:
        self._each((kind,), lambda clock: clock.stop(at))

    def _resume(self, kinds: tuple[ClockKind, ...], at: datetime) -> None:
        self._each(kinds, lambda clock: clock.resume(at) if clock.stopped_at is None else clock)

    def _back_to_work(self, at: datetime) -> None:
        """Not settled after all: the journey goes on where it stood; it never restarts. So does the date that the clock
        gave for it.
        """
        self._stop("confirmation", at)
        self._each(("journey",), lambda clock: clock.resume(at))
        self._own_promises(lambda clock: clock if clock.moved else clock.resume(at))

    def _begin(self, phase: Phase, at: datetime, owner: Assignment | None) -> None:
        """End the stretch that lasted until now and begin the next one."""
        assert self.since is not None
        at = max(at, self.since)
        self.stretches.append(
            Stretch(self.phase, owner.department if owner else None, owner.epoch if owner else 0, self.since, at)
        )
        self.phase, self.since = phase, at

    # -- end -----------------------------------------------------------------------------------------------------------

    def end(self) -> Life:
        """What the facts come to."""
        head = self.head
        if head is None or self.since is None:
            return Life()
        last = Stretch(self.phase, head.department, head.epoch, self.since, None)
        stretches = (*self.stretches, last)
        silence = silence_clock(head.received_at, self.heard, stretches, self.terms_since, self.rules.calendars)
        self.clocks["silence", silence.epoch] = silence
        return Life(
            head=head,
            terms=self.terms,
            phase=self.phase,
            stretches=stretches,
            clocks=self.clocks,
            extensions=self.extensions,
            closed_at=self.since if self.phase == "closed" else None,
            dates=self.dates,
            known_since=self.known_since,
        )


_ENDED_BY_ANSWER: tuple[ClockKind, ...] = ("first_response", "owner", "promise", "answer")

_APPLY: Mapping[str, Callable[[_Fold, Fact], None]] = {
    "assigned": _Fold.assigned,
    "accepted": _Fold.accepted,
    "contact": _Fold.contact,
    "asked": _Fold.asked,
    "answered": _Fold.answered,
    "promised": _Fold.promised,
    "extended": _Fold.extended,
    "resolved": _Fold.resolved,
    "closed": _Fold.closed,
    "reopened": _Fold.reopened,
}
