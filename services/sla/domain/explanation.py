"""Why this date: the days between start and deadline, what counted on each of them and why the rest did not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from services.sla.domain.calendar import NOTHING, Calendar, Interval
from services.sla.domain.clocks import Clock
from services.sla.domain.working_days import end_of

Because = Literal["open", "holiday", "day_off", "other_hours", "paused", "after_hours", "not_known_yet"]
"""Why a day counted as it did: usual hours · holiday · no working day · hours stated for that date (make-up day,
shorter day) · the clock stood still · its hours were over before the clock began · usual hours, on a day of which nobody
knows yet whether it is a holiday."""

_MOST_DAYS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One local day of a clock."""

    day: date
    because: Because
    #: Stretches that counted, in UTC.
    counted: Sequence[Interval]
    #: What of the budget the day used up, and what was left at its end.
    used: timedelta
    left: timedelta


def day_by_day(clock: Clock, calendar: Calendar, until: datetime) -> Sequence[Day]:
    """The days of a clock from its start to `until`, at most 120; nothing for one that counts by the wall."""
    if clock.budget.measure is not calendar:
        return ()
    return tuple(_days(clock, calendar, until))


def _days(clock: Clock, calendar: Calendar, until: datetime) -> Iterator[Day]:
    day = clock.started_at.astimezone(calendar.zone).date()
    begins, left = clock.started_at, clock.budget.total
    for _ in range(_MOST_DAYS):
        ends = min(end_of(calendar, day), until)
        open_then = calendar.open_intervals(begins, ends)
        counted = tuple(_without(open_then, _pauses(clock, until)))
        used = sum((stop - start for start, stop in counted), NOTHING)
        left = max(left - used, NOTHING)
        yield Day(
            day=day,
            because=_because(calendar, day, bool(open_then), bool(counted)),
            counted=counted,
            used=used,
            left=left,
        )
        if ends >= until:
            return
        day, begins = day + timedelta(days=1), ends


def _because(calendar: Calendar, day: date, was_open: bool, has_counted: bool) -> Because:
    spec = calendar.spec
    if day in spec.holidays or (day.month, day.day) in spec.annual_holidays:
        return "holiday"
    if was_open and not has_counted:
        return "paused"
    if day in spec.overrides or day in spec.breaks:
        return "other_hours"
    if has_counted:
        return "not_known_yet" if is_provisional(calendar, day) else "open"
    return "after_hours" if spec.spans(day) else "day_off"


def is_provisional(calendar: Calendar, day: date) -> bool:
    """Whether the holidays around a day are not known yet, so that days before a date there may turn out to be some."""
    return calendar.spec.known_until is not None and day > calendar.spec.known_until


def _pauses(clock: Clock, until: datetime) -> Sequence[Interval]:
    if clock.paused_at is None or clock.paused_at >= until:
        return clock.pauses
    return (*clock.pauses, (clock.paused_at, until))


def _without(intervals: Sequence[Interval], pauses: Sequence[Interval]) -> Iterator[Interval]:
    for begin, stop in intervals:
        start = begin
        for paused, resumed in pauses:
            if resumed <= start or paused >= stop:
                continue
            if paused > start:
                yield start, paused
            start = min(resumed, stop)
        if start < stop:
            yield start, stop
