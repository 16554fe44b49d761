"""The date by which the customer gets an answer, and the new one that is given when it has passed.

A date that has passed is never told as coming (S71, S73): who reopens, brings an old complaint or is kept waiting gets one
new date in the same message, and the ladder climbs from that one.
"""

from datetime import datetime

from services.sla.domain.clocks import Clock
from services.sla.domain.facts import Fact
from services.sla.domain.life import MOST_DATES, ClockKey, Life, is_own_promise
from services.sla.domain.rules import Rules

_JOURNEY: ClockKey = ("journey", 1)


def fresh_date(life: Life, rules: Rules, now: datetime) -> datetime | None:
    """The new date for a customer whose date has passed; none where theirs is still to come or nobody works for one."""
    if life.phase != "handling" or life.dates >= MOST_DATES:
        return None
    told = answer_date(life)
    return None if told is None or told > now else new_date(life, rules, now)


def answer_date(life: Life) -> datetime | None:
    """The date by which the customer was told to get an answer; none while that clock stands."""
    journey = life.clocks.get(_JOURNEY)
    if journey is None or journey.state != "running":
        return None
    return max((journey.deadline, *(clock.deadline for clock in life.running() if is_own_promise(clock))))


def new_date(life: Life, rules: Rules, since: datetime) -> datetime:
    """One extension of the policy behind a moment."""
    assert life.terms is not None
    calendar = life.terms.calendar
    return life.terms.extension.begin(calendar, rules.calendars[calendar], since)[1]


def extension(facts: tuple[Fact, ...], life: Life, due_at: datetime, now: datetime) -> Fact:
    """The fact that the clock gave a new date."""
    seen = max((fact.order for fact in facts if fact.kind not in ("heard", "extended")), default=0)
    return Fact(kind="extended", at=now, order=life.dates + 1, after=seen, due_at=due_at)


def in_place_of_a_past_one(clock: Clock, life: Life) -> bool:
    """Whether the clock gave this date when the one before had passed, so that the ladder climbs from it."""
    return is_own_promise(clock) and life.clocks[_JOURNEY].deadline <= clock.started_at
