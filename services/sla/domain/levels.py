"""When a running clock has something to say: warnings, the delay notice, the breach and the rungs of the ladder."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from services.sla.domain.clocks import Clock
from services.sla.domain.dates import in_place_of_a_past_one
from services.sla.domain.life import ClockKey, Life, is_own_promise
from services.sla.domain.measures import Length
from services.sla.domain.rules import Rules, Terms
from shared.events.sla import ClockKind
from shared.policies.departments import Department
from shared.policies.sla import SlaPolicy

Action = Literal["warn", "delay", "breach", "escalate"]

_BREACH = 100

Fired = Collection[tuple[str, int, str]]
"""`(clock, epoch, level)` of everything that fired."""


class Level(NamedTuple):
    """One moment of one clock. It fires once per complaint, clock, epoch and name."""

    clock: ClockKey
    name: str
    action: Action
    at: datetime
    #: Whom an escalation tells: a department, or `lead`.
    to: str | None = None

    @property
    def key(self) -> tuple[str, int, str]:
        """Its name in the ledger of what fired."""
        return (*self.clock, self.name)


class Step(NamedTuple):
    """One level of a kind of clock, as policy has it: at a percentage, or (above 100) some time after the breach."""

    percent: int
    name: str
    action: Action
    to: str | None = None
    after_breach: Length | None = None


def levels_of(clock: Clock, life: Life, rules: Rules) -> Iterator[Level]:
    """Every level of a clock in the order in which they come, computed one by one."""
    for step in _steps_now(clock, life, rules):
        yield _level(_moment(step, clock, life, rules), clock, step)


def _level(at: datetime, clock: Clock, step: Step) -> Level:
    return Level((clock.kind, clock.epoch), step.name, step.action, at, step.to)


def _steps_now(clock: Clock, life: Life, rules: Rules) -> Iterator[Step]:
    assert life.head is not None and life.terms is not None
    climbs_as: ClockKind = "journey" if in_place_of_a_past_one(clock, life) else clock.kind
    for step in steps_of(clock.kind, climbs_as, life.terms, life.head.department, rules):
        if step.action != "delay" or _gets_new_date(clock, life):
            yield step


def _moment(step: Step, clock: Clock, life: Life, rules: Rules) -> datetime:
    if step.percent < _BREACH:
        return clock.reaches(clock.budget.total * step.percent / 100)
    if step.after_breach is None:
        return clock.deadline
    assert life.head is not None and life.terms is not None
    calendar = rules.calendar_of(life.head.department, life.terms)
    return step.after_breach.begin(calendar, rules.calendars[calendar], clock.deadline)[1]


def steps_of(kind: ClockKind, climbs_as: ClockKind, terms: Terms, department: str, rules: Rules) -> tuple[Step, ...]:
    """The levels of a kind of clock, in order. Worked out once for each row of deadlines and department.

    `climbs_as`: the kind of clock that decides whether the ladder is climbed.
    """
    name = (kind, climbs_as, terms.policy.id, department)
    known: tuple[Step, ...] | None = rules.steps.get(name)
    if known is None:
        found = _steps(kind, climbs_as, terms.policy, rules.departments.get(department))
        known = rules.steps[name] = tuple(found)
    return known


def _steps(kind: ClockKind, climbs_as: ClockKind, policy: SlaPolicy, department: Department | None) -> list[Step]:
    steps = [Step(percent, f"warn_{percent}", "warn") for percent in _warnings(kind, policy)]
    if kind in ("journey", "promise") and policy.max_extensions:
        steps.append(Step(policy.delay_notice_at, "delay", "delay"))
    steps.append(Step(_BREACH, "breach", "breach"))
    ladder = department.escalation if department is not None and climbs_as in policy.escalate else ()
    for number, rung in enumerate(ladder, 1):
        if rung.at_percent is not None:
            steps.append(Step(rung.at_percent, f"rung_{number}", "escalate", rung.to))
        elif rung.after_breach is not None:
            later = Length.of(rung.after_breach)
            steps.append(Step(_BREACH + number, f"rung_{number}", "escalate", rung.to, later))
    return sorted(steps, key=lambda step: step.percent)


def next_due(life: Life, rules: Rules, fired: Fired) -> Level | None:
    """The level for which the complaint next needs the ticker; none when nothing is left to fire."""
    first: tuple[datetime, Clock, Step] | None = None
    for clock in life.running():
        step = _first_unfired(clock, life, rules, fired)
        if step is not None:
            at = _moment(step, clock, life, rules)
            if first is None or at < first[0]:
                first = at, clock, step
    return None if first is None else _level(*first)


def reached(life: Life, rules: Rules, fired: Fired, now: datetime) -> list[Level]:
    """What is due and has not fired, oldest first."""
    due: list[Level] = []
    for clock in life.running():
        for level in levels_of(clock, life, rules):
            if level.at > now:
                break
            if level.key not in fired:
                due.append(level)
    return sorted(due, key=lambda level: level.at)


def superseded(levels: list[Level]) -> set[tuple[str, int, str]]:
    """Warnings that came due together with a later one or with the breach of their clock: one word is enough.

    That happens after an outage, and with complaints that were received long before they reached us.
    """
    latest: dict[ClockKey, Level] = {}
    skipped: set[tuple[str, int, str]] = set()
    for level in levels:
        if level.action in ("warn", "breach"):
            before = latest.get(level.clock)
            if before is not None:
                skipped.add(before.key)
            latest[level.clock] = level
    return skipped


def overtaken(level: Level, life: Life) -> bool:
    """Whether a level came due before it could mean anything: before the complaint reached us, or before the customer got
    a new date in place of the one it is about. Only a breach is said all the same: that a date was missed stays so.
    """
    if level.action == "breach":
        return False
    if life.known_since is not None and level.at <= life.known_since:
        return True
    return level.clock[0] == "journey" and any(
        in_place_of_a_past_one(clock, life) and level.at <= clock.started_at for clock in life.clocks.values()
    )


def _first_unfired(clock: Clock, life: Life, rules: Rules, fired: Fired) -> Step | None:
    steps = _steps_now(clock, life, rules)
    return next((step for step in steps if (clock.kind, clock.epoch, step.name) not in fired), None)


def _warnings(kind: ClockKind, policy: SlaPolicy) -> tuple[int, ...]:
    if kind == "confirmation":
        return policy.reminders.confirmation
    if kind == "answer":
        return policy.reminders.answer
    return policy.warn_at


def _gets_new_date(clock: Clock, life: Life) -> bool:
    """Whether this clock's delay notice is due to the customer: the journey's first, then that of the date it gave."""
    assert life.terms is not None
    if life.untold:
        return False  # there is an answer: what the customer lacks is to be told of it, not a later date
    if life.extensions >= life.terms.policy.max_extensions:
        return False
    if clock.kind == "promise":
        return is_own_promise(clock)
    if life.extensions:
        return False
    # A later date that a person has already promised needs no second word about it.
    return all(other.deadline <= clock.deadline for other in life.running() if other.kind == "promise")
