"""The time ledger: who had the complaint how long. Its lines sum exactly to the journey."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.sla.domain.life import Life
from services.sla.domain.phases import Phase
from services.sla.domain.rules import Rules

Party = Literal["ourselves", "owner", "customer", "confirmation", "settled"]
"""Our own latency before there was an owner · the owner · the customer with a question · the customer with a
resolution · nobody, because the case was closed (until it was reopened)."""

_PARTY: dict[Phase, Party] = {
    "unowned": "ourselves",
    "handling": "owner",
    "waiting": "customer",
    "confirming": "confirmation",
    "closed": "settled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One stretch of the journey. `open` is what of it lay in the owning department's hours."""

    party: Party
    department: str | None
    epoch: int
    since: datetime
    until: datetime
    open: timedelta

    @property
    def total(self) -> timedelta:
        """The length of the stretch by the clock on the wall."""
        return self.until - self.since

    @property
    def closed(self) -> timedelta:
        """What of it lay outside the department's hours."""
        return self.total - self.open


def ledger(life: Life, rules: Rules, now: datetime) -> Sequence[Line]:
    """The lines of a complaint up to its end, or to now while it has not ended. Stretches of no length are left out.

    A closed case ends where it was closed: only when it was reopened does the time between count as settled.
    """
    if life.head is None or life.terms is None:
        return ()
    lines = []
    for stretch in life.stretches:
        until = stretch.until
        if until is None:
            if stretch.phase == "closed":
                continue
            until = max(now, stretch.since)
        if until <= stretch.since:
            continue
        calendar = rules.calendars[rules.calendar_of(stretch.department or life.head.department, life.terms)]
        lines.append(
            Line(
                party=_PARTY[stretch.phase],
                department=stretch.department,
                epoch=stretch.epoch,
                since=stretch.since,
                until=until,
                open=calendar.elapsed(stretch.since, until),
            )
        )
    return lines
