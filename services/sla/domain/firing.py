"""What a complaint says when its time has come. Each level of a clock's epoch fires once, late or not."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.sla.domain.case import Case, Voice, announce
from services.sla.domain.clocks import Clock
from services.sla.domain.dates import extension, fresh_date, new_date
from services.sla.domain.facts import with_fact
from services.sla.domain.levels import Level, overtaken, reached, superseded
from services.sla.domain.life import Life, is_own_promise, live
from services.sla.domain.rules import Rules
from shared.events import sla
from shared.events.envelope import Cause, Event

LATE = timedelta(seconds=60)
"""Fired later than this after it was due counts as late (I7)."""


class Firing(NamedTuple):
    """One line of the ledger of what fired. `event_id` is none where another word made this one needless."""

    level: Level
    fired_at: datetime
    event_id: UUID | None

    @property
    def late(self) -> bool:
        """Whether it fired more than a minute after it was due."""
        return self.fired_at - self.level.at > LATE


def fire(
    case: Case, now: datetime, new_id: Callable[[], UUID], until: datetime | None = None
) -> tuple[Case, Life, Sequence[Firing], Sequence[Event]]:
    """Fire everything that is due; answers the complaint after it, the ledger's lines and what to say.

    Args:
        case: the complaint before.
        now: the database's time.
        new_id: draws event ids.
        until: everything written before this moment is known of it; nothing fires that is due later. None: before now.
    """
    life, rules = case.life, case.rules
    if rules is None or life.head is None:
        return case, life, (), ()
    levels = reached(life, rules, case.fired, now if until is None else until)
    if not levels:
        return case, life, (), ()
    needless = superseded(levels)
    voice = Voice(case, life, now, new_id)
    firings: list[Firing] = []
    facts = case.facts
    for level in levels:
        if level.key in needless or overtaken(level, life):
            firings.append(Firing(level=level, fired_at=now, event_id=None))
            continue
        new_due_at = _new_date(level, life, rules, now)
        event = _say(voice, level, life.clocks[level.clock], now, new_due_at)
        if new_due_at is not None:
            facts = with_fact(facts, extension(facts, life, new_due_at, now)) or facts
            life = live(facts, rules)
        firings.append(Firing(level=level, fired_at=now, event_id=event.event_id))
    fired = case.fired | {level.key for level in levels}
    case = case._replace(facts=facts, fired=fired, version=voice.version)
    shown, then = announce(case, life, _cause(levels[-1]), now, new_id)
    return case._replace(shown=shown, version=then.version), life, firings, (*voice.said, *then.said)


def _say(voice: Voice, level: Level, clock: Clock, now: datetime, new_due_at: datetime | None) -> Event:
    kind, extra = _EVENTS[level.action]
    fields: dict[str, Any] = {} if extra is None else {extra: new_due_at if extra == "new_due_at" else level.to}
    return voice.say(
        kind,
        _cause(level),
        clock=clock.kind,
        clock_epoch=clock.epoch,
        level=level.name,
        due_at=level.at,
        deadline_at=clock.deadline,
        fired_at=now,
        late=now - level.at > LATE,
        subject_event_id=clock.subject if clock.kind in ("answer", "confirmation") else None,
        **fields,
    )


_EVENTS: dict[str, tuple[type[Event], str | None]] = {
    "warn": (sla.DeadlineWarned, None),
    "delay": (sla.DeadlineWarned, "new_due_at"),
    "breach": (sla.DeadlineBreached, "new_due_at"),
    "escalate": (sla.ComplaintEscalated, "to"),
}


def _cause(level: Level) -> Cause:
    kind, epoch = level.clock
    return Cause(kind="timer", id=f"{kind}|{level.name}|{epoch}", actor="clock")


def _new_date(level: Level, life: Life, rules: Rules, now: datetime) -> datetime | None:
    """The new date that goes with a level.

    Of a delay notice one extension behind the date that was told, or behind today when that has already passed; with a
    breach one behind today, unless a date that was told is still to come.
    """
    clock = life.clocks[level.clock]
    if level.action == "delay":
        return new_date(life, rules, max(clock.deadline, now))
    if level.action == "breach" and (clock.kind == "journey" or is_own_promise(clock)):
        return fresh_date(life, rules, now)
    return None
