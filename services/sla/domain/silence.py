"""The silence clock: how long the customer has heard nothing.

Only a notice that reached the customer ends a silence, or a customer whose own words were taken down on the phone;
never what somebody typed about them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.sla.domain.calendar import Calendar
from services.sla.domain.clocks import Clock
from services.sla.domain.phases import Stretch
from services.sla.domain.rules import Terms

AT_ONCE = timedelta(minutes=1)
"""A notice that follows receipt or another notice so soon is the same word and restarts nothing: the acknowledgement
alone would double the events of a complaint."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A time in which silence does not count: the customer has the ball and knows it, or the case is closed."""

    since: datetime
    until: datetime | None
    closed_at: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.since <= at and (self.until is None or at < self.until)


def silence_clock(
    received_at: datetime,
    heard: Sequence[datetime],
    stretches: Sequence[Stretch],
    terms_since: Sequence[tuple[datetime, Terms]],
    calendars: Mapping[str, Calendar],
) -> Clock:
    """The silence clock as it stands. Each new start is an epoch.

    It starts at receipt, again whenever the customer was reached, and again when a rest has ended.

    Args:
        received_at: when the organisation received the complaint.
        heard: when notices reached the customer or staff spoke to them, in any order.
        stretches: who had the ball when.
        terms_since: the rows of deadlines with the time of the assignment that chose them.
        calendars: by id.
    """
    if not heard and len(stretches) == 2:
        return _started(received_at, 1, terms_since, calendars)  # fresh from its first assignment: the common case
    times = sorted(at for at in heard if at - received_at >= AT_ONCE)
    rests = list(_rests(stretches, times))
    starts = [*times, *(rest.until for rest in rests if rest.until is not None)]
    start, epoch = received_at, 1
    for at in sorted(starts):
        if at - start >= AT_ONCE and not any(rest.covers(at) for rest in rests):
            start, epoch = at, epoch + 1
    clock = _started(start, epoch, terms_since, calendars)
    if rests and rests[-1].until is None:
        last = rests[-1]
        clock = clock.pause(last.since)
        if last.closed_at is not None:
            clock = clock.stop(last.closed_at)
    return clock


def _rests(stretches: Sequence[Stretch], heard: Sequence[datetime]) -> Iterator[Rest]:
    """The rests in order; one that goes over into the next is one with it."""
    before: Rest | None = None
    for stretch in stretches:
        rest = _rest_in(stretch, heard)
        if rest is None:
            continue
        if before is not None and before.until == rest.since:
            rest = Rest(before.since, rest.until, rest.closed_at)
        elif before is not None:
            yield before
        before = rest
    if before is not None:
        yield before


def _rest_in(stretch: Stretch, heard: Sequence[datetime]) -> Rest | None:
    if stretch.phase == "closed":
        return Rest(stretch.since, stretch.until, stretch.since)
    if stretch.phase not in ("waiting", "confirming"):
        return None
    within = Rest(stretch.since, stretch.until, None)
    told = next((at for at in heard if within.covers(at)), None)
    return None if told is None else Rest(told, stretch.until, None)


def _started(
    start: datetime,
    epoch: int,
    terms_since: Sequence[tuple[datetime, Terms]],
    calendars: Mapping[str, Calendar],
) -> Clock:
    terms = next((terms for since, terms in reversed(terms_since) if since <= start), terms_since[0][1])
    budget, due = terms.lengths["silence"].begin(terms.calendar, calendars[terms.calendar], start)
    return Clock(kind="silence", epoch=epoch, budget=budget, started_at=start, deadline=due)
