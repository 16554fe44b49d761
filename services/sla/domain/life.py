"""From what happened to the clocks: a pure fold, the same for every order in which the facts became known."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
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

_SAME_WORD = timedelta(hours=1)
"""A notice that leaves so soon says the date as it was reckoned from the question or resolution itself."""
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
        return (
            clock
            for clock in self.clocks.values()
            if clock.stopped_at is None and clock.paused_at is None and not clock.held
        )

    @property
    def untold(self) -> bool:
        """Whether there is an answer of which the customer is not known to have been told."""
        return any(c.held and c.kind == "confirmation" and c.stopped_at is None for c in self.clocks.values())


def is_own_promise(clock: Clock) -> bool:
    """Whether the date was given by the clock, in a delay notice or in place of a past one, not by a person."""
    return clock.kind == "promise" and clock.epoch % PROMISE_STEP != 0


def live(facts: Sequence[Fact], rules: Rules) -> Life:
    """Fold the facts of one complaint, which are in their place."""
    fold = _Fold(facts, rules)
    for fact in facts:
        if (fact.kind == "heard" and fact.said is None) or fact.spoken:
            fold.heard.append(fact.at)
        if fact.kind != "heard" and (fact.kind == "assigned" or fold.head is not None):
            fold.told_by(fact.at)
            _APPLY[fact.kind](fold, fact)
    return fold.end()


class _Open(NamedTuple):
    """A question or resolution of which the customer has not been told yet at this place of the fold."""

    kind: Literal["answer", "confirmation"]
    told_at: datetime | None


def _tells(fact: Fact, about: Fact) -> bool:
    """Whether a fact says that the customer was told a question or resolution."""
    if fact.kind != "heard":
        return fact.tells is not None and fact.tells == about.subject
    if fact.said is not None:
        return False
    return fact.at >= about.at if fact.subject is None else fact.subject == about.subject


class _Fold:
    """The state of a fold. Lives for one call of `live`."""

    def __init__(self, facts: Sequence[Fact], rules: Rules) -> None:
        self.facts = facts
        self.rules = rules
        self.open: _Open | None = None
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
        self._stop("answer", fact.at)
        self._begin_anew(fact.at)
        self._ask("answer", fact)

    def answered(self, fact: Fact) -> None:
        if fact.spoken:
            self._stop("first_response", fact.at)
        self._stop("answer", fact.at)
        self._wait_is_over(fact.at)

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
        self._each(("promise",), lambda clock: clock if is_own_promise(clock) else clock.stop(fact.at))
        self._begin_anew(fact.at)
        self._ask("confirmation", fact)

    def closed(self, fact: Fact) -> None:
        self.open = None
        if self.phase != "closed":
            self.clocks = {key: clock.stop(fact.at) for key, clock in self.clocks.items()}
            self._begin("closed", fact.at, self.head)

    def reopened(self, fact: Fact) -> None:
        if fact.spoken:
            self._stop("first_response", fact.at)
        self._begin_anew(fact.at)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _terms(self) -> Terms:
        assert self.terms is not None
        return self.terms

    def _start(self, kind: SpanClock, epoch: int, lengths: Lengths, calendar: str, at: datetime, **more: Any) -> None:
        budget, due = lengths[kind].begin(calendar, self.rules.calendars[calendar], at)
        self.clocks[kind, epoch] = Clock(kind=kind, epoch=epoch, budget=budget, started_at=at, deadline=due, **more)

    def _ask(self, kind: Literal["answer", "confirmation"], fact: Fact) -> None:
        """The customer has the word, once they are told. Until then the clock has a date, which the notice names, and is
        held; told much later, it has another one.
        """
        told_at: datetime | None = fact.at
        if fact.waits:
            told_at = min((max(one.at, fact.at) for one in self.facts if _tells(one, fact)), default=None)
        begins = told_at if told_at is not None and told_at - fact.at >= _SAME_WORD else fact.at
        terms = self._terms()
        held = told_at is None
        self._start(kind, fact.order, terms.lengths, terms.calendar, begins, subject=fact.subject, held=held)
        self.open = _Open(kind, told_at)
        self.told_by(fact.at)

    def told_by(self, at: datetime | None) -> None:
        """Pause and phase begin when the customer was told, if that was so until `at`; none: at all."""
        if self.open is None:
            return
        kind, told_at = self.open
        if told_at is None or (at is not None and told_at > at):
            return
        self.open = None
        stand: tuple[ClockKind, ...] = ("journey", "owner") if kind == "answer" else ("journey",)
        self._each(stand, lambda clock: clock.pause(told_at))
        self._own_promises(lambda clock: clock.pause(told_at) if kind == "answer" else clock.stop(told_at))
        self._begin("waiting" if kind == "answer" else "confirming", told_at, self.head)

    def _wait_is_over(self, at: datetime) -> None:
        """Nobody waits for an answer any more."""
        if self.open is not None and self.open.kind == "answer":
            self.open = None
        if self.phase == "waiting":
            self._resume(("journey", "owner"), at)
            self._own_promises(lambda clock: clock.resume(at) if clock.stopped_at is None else clock)
            self._begin("handling", at, self.head)

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

    def _back_to_work(self, at: datetime) -> bool:
        """Not settled after all: the journey goes on where it stood; it never restarts. So does the date that the clock
        gave for it. Answers whether it stood still.
        """
        self._stop("confirmation", at)
        if self.open is not None and self.open.kind == "confirmation":
            self.open = None
        stood = self.phase in ("confirming", "closed")
        if stood:
            self._each(("journey",), lambda clock: clock.resume(at))
            self._own_promises(lambda clock: clock if clock.moved else clock.resume(at))
        return stood

    def _begin_anew(self, at: datetime) -> None:
        """The owner has the ball, whatever the customer was waited for until now."""
        self._wait_is_over(at)
        if self._back_to_work(at):
            self._begin("handling", at, self.head)

    def _begin(self, phase: Phase, at: datetime, owner: Assignment | None) -> None:
        """End the stretch that lasted until now and begin the next one."""
        assert self.since is not None
        at = max(at, self.since)
        self.stretches.append(
            Stretch(self.phase, owner.department if owner else None, owner.epoch if owner else 0, self.since, at)
        )
        self.phase, self.since = phase, at

    def _heed_words(self) -> None:
        """What the customer said on their page ends the wait for it at that moment, whenever the router reads it."""
        for fact in self.facts:
            if fact.said is None:
                continue
            kind = "answer" if fact.said == "replied" else "confirmation"
            for key, clock in self.clocks.items():
                about = clock.subject == fact.subject if fact.subject is not None else clock.started_at <= fact.at
                if key[0] == kind and about:
                    self.clocks[key] = clock.end_by(fact.at)

    # -- end -----------------------------------------------------------------------------------------------------------

    def end(self) -> Life:
        """What the facts come to."""
        head = self.head
        if head is None or self.since is None:
            return Life()
        self.told_by(None)
        self._heed_words()
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


_ENDED_BY_ANSWER: tuple[ClockKind, ...] = ("first_response", "owner", "answer")

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
