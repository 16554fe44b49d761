"""When a department works. Precedence: holiday > date override (make-up days too) > weekday; breaks are cut last."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, model_validator

from shared.policies.texts import PolicyModel, Text, Wording

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: Index equals `date.weekday()`.
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_DAY = 24 * 60
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class Interval(NamedTuple):
    """Local wall times in minutes since midnight, half open `[opens, closes)`; 1440 is the end of the day."""

    opens: int
    closes: int


def _minutes(text: str) -> int:
    found = _TIME.fullmatch(text.strip())
    minutes = int(found[1]) * 60 + int(found[2]) if found else MINUTES_PER_DAY + 1
    if minutes > MINUTES_PER_DAY:
        raise ValueError(f"{text.strip()[:20]!r} is no time of day between 00:00 and 24:00")
    return minutes


def _interval(value: Any) -> Interval:
    """Read `"09:00-12:00"` or `["09:00", "12:00"]`."""
    parts = value.split("-") if isinstance(value, str) else value
    if isinstance(parts, Interval):
        return parts
    if not isinstance(parts, (list, tuple)) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise ValueError('an interval reads "09:00-12:00"')
    interval = Interval(_minutes(parts[0]), _minutes(parts[1]))
    if interval.closes <= interval.opens:
        raise ValueError("an interval must close after it opens; one over midnight is two intervals")
    return interval


def _hours(value: Any) -> tuple[Interval, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError('hours are a list of intervals such as ["09:00-12:00", "13:30-18:00"]')
    return tuple(_interval(item) for item in value)


def _in_order(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    for before, after in pairwise(intervals):
        if after.opens < before.closes:
            raise ValueError(f"intervals overlap or are out of order at {_clock(after.opens)}")
    return intervals


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


Hours = Annotated[
    tuple[Interval, ...],
    BeforeValidator(_hours),
    AfterValidator(_in_order),
    PlainSerializer(lambda hours: [f"{_clock(item.opens)}-{_clock(item.closes)}" for item in hours]),
]


class Holiday(PolicyModel):
    """A day, or a run of days, on which nobody works."""

    day: date | None = None
    first: date | None = None
    last: date | None = None
    name: Text

    @model_validator(mode="after")
    def _day_or_run(self) -> Self:
        run = (self.first, self.last)
        if (self.day is None) == (self.first is None) or (self.first is None) != (self.last is None):
            raise ValueError("a holiday has either day, or first and last")
        if run[0] and run[1] and not run[0] <= run[1] <= run[0] + timedelta(days=31):
            raise ValueError("a run of holidays must end after it begins, within a month")
        return self

    @property
    def days(self) -> tuple[date, ...]:
        """Every closed day."""
        if self.day:
            return (self.day,)
        assert self.first is not None and self.last is not None
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))


class CountryHolidays(PolicyModel):
    """Public holidays computed by the `holidays` library for whole years."""

    code: Literal["CN", "US"]
    first_year: Annotated[int, Field(ge=2000, le=2100)]
    last_year: Annotated[int, Field(ge=2000, le=2100)]

    @model_validator(mode="after")
    def _years(self) -> Self:
        if not self.first_year <= self.last_year <= self.first_year + 20:
            raise ValueError("last_year must not lie before first_year, nor more than 20 years after it")
        return self


class MakeUpDays(PolicyModel):
    """Weekend days that are worked because a holiday was moved (调休), with the notice that says so."""

    notice: Wording
    like: Weekday
    dates: Annotated[tuple[date, ...], Field(min_length=1)]


class Calendar(PolicyModel):
    """Opening hours of one kind of department, in one time zone."""

    name: Text
    tz: str
    week: dict[Weekday, Hours]
    holidays: tuple[Holiday, ...] = ()
    annual_holidays: tuple[Annotated[str, StringConstraints(pattern=r"^(0\d|1[0-2])-([0-2]\d|3[01])$")], ...] = ()
    country: CountryHolidays | None = None
    make_up_days: tuple[MakeUpDays, ...] = ()
    date_overrides: dict[date, Hours] = Field(default_factory=dict)
    breaks: dict[date, Hours] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _zone_exists(self) -> Self:
        if self.tz not in available_timezones():
            raise ValueError(f"{self.tz[:60]!r} is no IANA time zone")
        return self

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if not any(self.week.values()):
            raise ValueError("the calendar never opens: no weekday has hours")
        return self

    @model_validator(mode="after")
    def _make_up_days_are_worked(self) -> Self:
        for made_up in self.make_up_days:
            if not self.week.get(made_up.like):
                raise ValueError(f"make-up days are worked like {made_up.like}, which has no hours")
            for day in made_up.dates:
                if day in self.closed_days:
                    raise ValueError(f"{day} is both a make-up working day and a holiday")
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone the hours are meant in."""
        return ZoneInfo(self.tz)

    @cached_property
    def closed_days(self) -> dict[date, str]:
        """Every holiday by date with its name (English, or as the library gives it)."""
        days = _country_days(self.country) if self.country else {}
        for holiday in self.holidays:
            days.update(dict.fromkeys(holiday.days, holiday.name.en))
        return days

    @cached_property
    def known_until(self) -> date | None:
        """The last day whose holidays are known; none where nobody rests on holidays, or on the same ones every year."""
        if self.country is not None:
            return date(self.country.last_year, 12, 31)
        last = max((day for holiday in self.holidays for day in holiday.days), default=None)
        return None if last is None else date(last.year, 12, 31)

    @cached_property
    def overrides(self) -> dict[date, tuple[Interval, ...]]:
        """Hours that replace the weekday's: make-up working days, then what the file states by date."""
        made_up = {day: self.week[item.like] for item in self.make_up_days for day in item.dates}
        return {**made_up, **self.date_overrides}

    def hours_on(self, day: date) -> tuple[Interval, ...]:
        """Open intervals of a local date before breaks are cut: holiday > override > weekday."""
        if day in self.closed_days or f"{day.month:02d}-{day.day:02d}" in self.annual_holidays:
            return ()
        return self.overrides.get(day, self.week.get(WEEKDAYS[day.weekday()], ()))


def is_beyond(known_until: date | None, at: datetime, zone: tzinfo) -> bool:
    """Whether a limit lies behind the last day whose holidays are known; midnight belongs to the day that ends there."""
    return known_until is not None and (at.astimezone(zone) - timedelta(microseconds=1)).date() > known_until


def _country_days(country: CountryHolidays) -> dict[date, str]:
    # Imported late: the library takes 0.1 s, which a service without country holidays need not pay.
    import holidays

    years = range(country.first_year, country.last_year + 1)
    return dict(holidays.country_holidays(country.code, years=years, language="en_US"))


class Calendars(PolicyModel):
    """File `calendars.yaml`: calendar id to calendar."""

    calendars: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")], Calendar], Field(min_length=1)
    ]
