"""By what a length of time is counted: the open hours of a calendar, or the clock on the wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from services.sla.domain.calendar import NOTHING, Calendar, Interval
from services.sla.domain.working_days import end_of
from shared.policies.spans import Span, SpanKind

WALL = "wall"
"""The name of wall time where a calendar's id would stand."""


class Measure(Protocol):
    """What clocks count by."""

    def add(self, start: datetime, budget: timedelta) -> datetime:
        """The instant at which the budget is used up."""

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """What counts between two instants; nothing when the end lies before the start."""

    def add_with_pauses(self, start: datetime, budget: timedelta, pauses: Sequence[Interval]) -> datetime:
        """As `add`, where pauses do not count."""

    def elapsed_with_pauses(self, start: datetime, end: datetime, pauses: Sequence[Interval]) -> timedelta:
        """As `elapsed`, where pauses do not count."""


class WallTime:
    """Every second counts, nights and holidays included."""

    def add(self, start: datetime, budget: timedelta) -> datetime:
        """`start` plus the budget."""
        return start + budget

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """`end` minus `start`, never negative."""
        return max(end - start, NOTHING)

    def add_with_pauses(self, start: datetime, budget: timedelta, pauses: Sequence[Interval]) -> datetime:
        """`start` plus the budget plus every pause that began before it was used up."""
        deadline = start + budget
        for paused, resumed in pauses:
            if paused >= deadline:
                break
            deadline += self.elapsed(max(paused, start), resumed)
        return deadline

    def elapsed_with_pauses(self, start: datetime, end: datetime, pauses: Sequence[Interval]) -> timedelta:
        """The time between, less the pauses."""
        paused = (self.elapsed(max(begin, start), min(stop, end)) for begin, stop in pauses)
        return self.elapsed(start, end) - sum(paused, NOTHING)


WALL_TIME = WallTime()


class Budget(NamedTuple):
    """How much of which measure a clock may use. `calendar` is a calendar's id, or `wall`."""

    calendar: str
    measure: Measure
    total: timedelta


@dataclass(frozen=True, slots=True)
class Length:
    """A policy's span, ready for use: `time` for hours and minutes, `days` for days."""

    kind: SpanKind
    time: timedelta
    days: int

    @classmethod
    def of(cls, span: Span) -> "Length":
        """From the policy's words."""
        amount = span.amount
        unit = timedelta(hours=1) if span.kind == "working_hours" else timedelta(minutes=1)
        return cls(span.kind, unit * amount, int(amount))

    def begin(self, calendar_id: str, calendar: Calendar, start: datetime) -> tuple[Budget, datetime]:
        """The budget and the deadline of a clock that starts at `start`.

        Days end with the last opening hour of the working day, calendar days with the local day; day 1 is the day
        after the start. Both become a plain length too, so that pausing and percentages mean the same for every clock.
        """
        if self.kind == "working_hours":
            return Budget(calendar_id, calendar, self.time), calendar.add(start, self.time)
        if self.kind == "working_days":
            due, total = calendar.end_of_working_day(start, self.days)
            return Budget(calendar_id, calendar, total), due
        if self.kind == "calendar_days":
            due = end_of(calendar, start.astimezone(calendar.zone).date() + timedelta(days=self.days))
            return Budget(WALL, WALL_TIME, due - start), due
        return Budget(WALL, WALL_TIME, self.time), start + self.time
