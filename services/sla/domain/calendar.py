"""Business time: when an office is open, and the arithmetic on it.

Conventions (C1-C7 of the test vectors):
a deadline is the least instant at which the budget is used up, so one that ends exactly at closing time ends *at*
closing time; no budget resolves to the first open instant; intervals are half-open; an end before its start gives
nothing; a calendar that never opens is refused; wall times in a daylight-saving gap shift forward by the gap and
ambiguous ones mean their first occurrence; nothing is rounded.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Span = tuple[int, int]
"""Opening and closing wall time of one day, in minutes after midnight; 1440 is the end of the day."""

Interval = tuple[datetime, datetime]
"""An open stretch `[open, close)`, both in UTC."""

NOTHING = timedelta(0)
_FIRST_YEAR, _LAST_YEAR = 1900, 2500
_HORIZON_YEARS = 100


class CalendarError(ValueError):
    """A calendar, or a question to it, that has no answer. `reason` is a code for callers and tests."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSpec:
    """The hours as somebody wrote them down.

    Precedence: holiday, then override (which replaces the weekday's hours and also opens a weekend, such as a
    make-up working day), then the week; breaks are cut out last.
    """

    tz: str
    #: Seven entries, Monday first.
    week: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()
    #: `(month, day)` closed every year.
    annual_holidays: frozenset[tuple[int, int]] = frozenset()
    overrides: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    breaks: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    #: The last day whose holidays are known; none where there is no such end.
    known_until: date | None = None

    def spans(self, day: date) -> tuple[Span, ...]:
        """The open wall times of one local day, in order."""
        if day in self.holidays or (day.month, day.day) in self.annual_holidays:
            return ()
        spans = self.overrides.get(day)
        if spans is None:
            spans = self.week[day.weekday()]
        for cut in self.breaks.get(day, ()):
            spans = tuple(_without(spans, cut))
        return spans


def _without(spans: Sequence[Span], cut: Span) -> Iterator[Span]:
    for opens, closes in spans:
        if opens < cut[0]:
            yield opens, min(closes, cut[0])
        if cut[1] < closes:
            yield max(opens, cut[1]), closes


class _Table(NamedTuple):
    """The open intervals of whole local years, with the open time before each of them."""

    years: range
    opens: list[datetime]
    closes: list[datetime]
    before: list[timedelta]
    total: timedelta
    #: Ordinals of the local dates with open hours, when each of them closes for the last time, and the open time until
    #: then.
    dates: list[int]
    last_closes: list[datetime]
    by_last_close: list[timedelta]


class Calendar:
    """A calendar ready for arithmetic.

    Years are laid out as they are first needed and kept, so that a question costs two binary searches.
    All instants must carry a zone; answers are in UTC.
    """

    __slots__ = ("_last", "_table", "spec", "zone")

    def __init__(self, spec: CalendarSpec) -> None:
        if len(spec.week) != 7:
            raise CalendarError("bad_week", "a week has seven days")
        if not any(spec.week) and not any(spec.overrides.values()):
            raise CalendarError("calendar_never_open", "no weekday and no date has open hours")
        try:
            self.zone = ZoneInfo(spec.tz)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise CalendarError("unknown_zone", spec.tz) from unknown
        self.spec = spec
        self._last: tuple[_Table | None, datetime | None, timedelta] = (None, None, NOTHING)
        self._table = _Table(range(0), [], [], [], NOTHING, [], [], [])

    def add(self, start: datetime, budget: timedelta) -> datetime:
        """The least instant by which `budget` of open time has passed since `start`.

        Raises:
            CalendarError: `beyond_horizon` when that is more than a hundred years away.
        """
        if budget < NOTHING:
            raise ValueError("a budget is not negative")
        start = _utc(start)
        table = self._covering(start, start)
        while True:
            target = self._placed(table, start) + budget
            index = bisect_right(table.closes, start) if not budget else bisect_left(table.before, target) - 1
            if index < len(table.opens) and target <= table.total:
                break
            table = self._later(table, start)
        if not budget:
            return max(start, table.opens[index])
        return table.opens[index] + (target - table.before[index])

    def subtract(self, end: datetime, budget: timedelta) -> datetime:
        """The latest instant from which `budget` of open time remains until `end`; the mirror of `add`."""
        if budget < NOTHING:
            raise ValueError("a budget is not negative")
        end = _utc(end)
        table = self._covering(end, end)
        while True:
            target = _position(table, end) - budget
            index = bisect_left(table.opens, end) - 1 if not budget else bisect_right(table.before, target) - 1
            if index >= 0 and target >= NOTHING:
                break
            table = self._earlier(table, end)
        if not budget:
            return min(end, table.closes[index])
        return table.opens[index] + (target - table.before[index])

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """The open time in `[start, end)`; nothing when the end lies before the start."""
        start, end = _utc(start), _utc(end)
        if end <= start:
            return NOTHING
        table = self._covering(start, end)
        return _position(table, end) - _position(table, start)

    def end_of_working_day(self, start: datetime, days: int) -> tuple[datetime, timedelta]:
        """When the `days`-th working day after the local day of `start` closes for the last time; the open time until then."""
        if days < 1:
            raise ValueError("day 1 is the day after the start")
        start = _utc(start)
        table = self._covering(start, start)
        today = start.astimezone(self.zone).toordinal()
        while (index := bisect_right(table.dates, today) + days - 1) >= len(table.dates):
            table = self._later(table, start)
        return table.last_closes[index], max(table.by_last_close[index] - self._placed(table, start), NOTHING)

    def is_open(self, at: datetime) -> bool:
        """Whether `at` falls into open hours."""
        at = _utc(at)
        table = self._covering(at, at)
        index = bisect_right(table.opens, at) - 1
        return index >= 0 and at < table.closes[index]

    def open_intervals(self, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """The open stretches clipped to `[start, end)`, in order; touching ones are one."""
        start, end = _utc(start), _utc(end)
        if end <= start:
            return ()
        table = self._covering(start, end)
        first, last = bisect_right(table.closes, start), bisect_left(table.opens, end)
        return tuple((max(table.opens[i], start), min(table.closes[i], end)) for i in range(first, last))

    def add_with_pauses(self, start: datetime, budget: timedelta, pauses: Sequence[Interval]) -> datetime:
        """As `add`, where open time inside a pause does not count. Pauses are in order and do not overlap."""
        deadline = self.add(start, budget)
        for paused, resumed in pauses:
            if paused >= deadline:
                break
            budget += self.elapsed(max(paused, start), resumed)
            deadline = self.add(start, budget)
        return deadline

    def elapsed_with_pauses(self, start: datetime, end: datetime, pauses: Sequence[Interval]) -> timedelta:
        """As `elapsed`, without the open time inside the pauses, which are in order and do not overlap."""
        paused = (self.elapsed(max(begin, start), min(stop, end)) for begin, stop in pauses)
        return self.elapsed(start, end) - sum(paused, NOTHING)

    def _placed(self, table: _Table, start: datetime) -> timedelta:
        """Open time from the beginning of the table to `start`. A complaint's clocks begin together: the last answer is kept."""
        last_table, last_start, position = self._last
        if last_start is start and last_table is table:
            return position
        position = _position(table, start)
        self._last = table, start, position
        return position

    def _covering(self, start: datetime, end: datetime) -> _Table:
        years = self._table.years
        # A local year may begin in the UTC year before; one year to each side is always enough.
        if years and years.start < start.year and end.year < years.stop - 1:
            return self._table
        low, high = start.year - 1, end.year + 2
        if years:
            low, high = min(low, years.start), max(high, years.stop)
        return self._lay_out(low, high)

    def _later(self, table: _Table, start: datetime) -> _Table:
        horizon = start.year + _HORIZON_YEARS
        if table.years.stop > horizon:
            raise CalendarError("beyond_horizon", "the calendar has too few open hours in a hundred years")
        return self._lay_out(table.years.start, min(table.years.stop + len(table.years), horizon + 1))

    def _earlier(self, table: _Table, end: datetime) -> _Table:
        horizon = end.year - _HORIZON_YEARS
        if table.years.start <= horizon:
            raise CalendarError("beyond_horizon", "the calendar has too few open hours in a hundred years")
        return self._lay_out(max(table.years.start - len(table.years), horizon), table.years.stop)

    def _lay_out(self, low: int, high: int) -> _Table:
        if low < _FIRST_YEAR or high > _LAST_YEAR:
            raise CalendarError("out_of_range", "calendars answer for the years 1900 to 2500")
        opens: list[datetime] = []
        closes: list[datetime] = []
        dates: list[int] = []
        last_closes: list[datetime] = []
        for ordinal, start, end in self._stretches(low, high):
            if dates and dates[-1] == ordinal:
                last_closes[-1] = end
            else:
                dates.append(ordinal)
                last_closes.append(end)
            if closes and start <= closes[-1]:
                closes[-1] = max(end, closes[-1])
            else:
                opens.append(start)
                closes.append(end)
        before: list[timedelta] = []
        total = NOTHING
        for start, end in zip(opens, closes, strict=True):
            before.append(total)
            total += end - start
        table = _Table(range(low, high), opens, closes, before, total, dates, last_closes, [])
        table.by_last_close.extend(_position(table, close) for close in last_closes)
        self._table = table
        return table

    def _stretches(self, low: int, high: int) -> Iterator[tuple[int, datetime, datetime]]:
        day, last, one = date(low, 1, 1), date(high, 1, 1), timedelta(days=1)
        spans_of, zone = self.spec.spans, self.zone
        while day < last:
            for opens, closes in spans_of(day):
                start, end = instant_at(zone, day, opens), instant_at(zone, day, closes)
                if start < end:  # a span inside a daylight-saving gap has no length
                    yield day.toordinal(), start, end
            day += one


def instant_at(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """The instant at which the clocks of `zone` show `minute` after midnight of `day` (24:00 is the next midnight)."""
    if minute == 1440:
        day, minute = day + timedelta(days=1), 0
    return instant_of(zone, datetime.combine(day, time(minute // 60, minute % 60)))


def instant_of(zone: ZoneInfo, wall: datetime) -> datetime:
    """The instant of a wall time. In a gap it shifts forward by the gap; an ambiguous one means its first occurrence.

    That is what `fold=0` of PEP 495 means for both.
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _position(table: _Table, at: datetime) -> timedelta:
    """Open time from the beginning of the table to `at`."""
    index = bisect_right(table.opens, at) - 1
    if index < 0:
        return NOTHING
    return table.before[index] + (min(at, table.closes[index]) - table.opens[index])


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return moment.astimezone(UTC)
