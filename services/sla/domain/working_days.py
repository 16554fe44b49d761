"""Deadlines that are counted in days instead of hours."""

from datetime import date, datetime, timedelta
from typing import Literal

from services.sla.domain.calendar import NOTHING, Calendar, CalendarError, instant_at, instant_of

DayUnit = Literal["working_days", "calendar_days", "weeks"]
DayConvention = Literal["same_time_then_roll", "roll_then_add", "end_of_working_day"]

_ONE = timedelta(days=1)
_LONGEST_CLOSURE = 366 * 2


def is_working_date(calendar: Calendar, day: date) -> bool:
    """A date with any open time is a working date."""
    return bool(calendar.spec.spans(day))


def add_working_dates(calendar: Calendar, day: date, days: int) -> date:
    """The `days`-th working date after `day` (before it, when negative); `day` itself does not count."""
    step = _ONE if days >= 0 else -_ONE
    left, closed = abs(days), 0
    while left:
        day += step
        if is_working_date(calendar, day):
            left, closed = left - 1, 0
        else:
            closed += 1
            if closed > _LONGEST_CLOSURE:
                raise CalendarError("calendar_never_open", "no working date within two years")
    return day


def add_business_days(
    calendar: Calendar, start: datetime, days: int, convention: DayConvention = "same_time_then_roll"
) -> datetime:
    """The deadline `days` open days from `start`, under a named convention.

    `same_time_then_roll`: the same local time on that day, then on to the next open instant (back to the previous
    close when counting backwards). `roll_then_add`: first on to the next open instant, then count.
    `end_of_working_day`: the last closing time of that day.
    """
    if convention == "roll_then_add":
        start = calendar.add(start, NOTHING)
    local = start.astimezone(calendar.zone)
    day = add_working_dates(calendar, local.date(), days)
    if convention == "end_of_working_day":
        spans = calendar.spec.spans(day)
        if not spans:
            raise CalendarError("not_a_working_date", day.isoformat())
        return instant_at(calendar.zone, day, spans[-1][1])
    wanted = instant_of(calendar.zone, datetime.combine(day, local.time()))
    return calendar.add(wanted, NOTHING) if days >= 0 else calendar.subtract(wanted, NOTHING)


def last_day(calendar: Calendar, received: datetime, unit: DayUnit, number: int) -> date:
    """The local date on which a period of law ends; day 1 is the day after receipt."""
    day = received.astimezone(calendar.zone).date()
    if unit == "working_days":
        return add_working_dates(calendar, day, number)
    return day + _ONE * number * (7 if unit == "weeks" else 1)


def end_of(calendar: Calendar, day: date) -> datetime:
    """The first instant after a local day."""
    return instant_at(calendar.zone, day, 1440)
