"""What intake knows of the state of a complaint, and what its client may still do with it.

The router alone writes the life of a case, and sla its dates. Intake keeps the little it hears of them (owner, date of
the answer, open or closed), to tell a caller and to answer a channel that asks. Each piece goes by a count of its own, so
that neither the order of topics nor a replay changes what is known in the end.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from shared.events.routing import ComplaintClosed, ComplaintReopened
from shared.events.sla import ClockPaused, ClockResumed, ClockStarted, DeadlineWarned

State = Literal["submitted", "assigned", "withdrawn", "closed"]
WaitsFor = Literal["answer", "confirmation"]
Stage = Literal[
    "received", "with_department", "waiting_for_customer", "resolution_proposed", "reopened", "closed", "withdrawn"
]
"""Where a complaint stands, in the words of channels. Finer than `State`, which is kept for those who know it."""
DueReason = Literal["not_yet_known", "waiting_for_customer", "over"]
"""Why there is no date of the answer."""
CaseNews = ComplaintClosed | ComplaintReopened
ClockNews = ClockStarted | ClockPaused | ClockResumed
News = CaseNews | ClockNews | DeadlineWarned


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a complaint stands, as intake knows it.

    Attributes:
        epoch: of the assignment that made the department the owner; 0 while there is none.
        seen_version: of the router's newest event that was applied.
        journey_due_at: the journey clock's date; none while it is paused or not yet known.
        extended_due_at: the latest date that the customer got in place of the journey's own.
        clock_version: of sla's newest event that spoke of the journey clock.
        waits_for: what the customer is to give before it goes on.
        waits_version: of sla's newest event that spoke of that.
    """

    state: State = "submitted"
    department: str | None = None
    epoch: int = 0
    seen_version: int = 0
    journey_due_at: datetime | None = None
    extended_due_at: datetime | None = None
    clock_version: int = 0
    waits_for: WaitsFor | None = None
    waits_version: int = 0


SUBMITTED: Final = Standing()
"""The standing of a complaint nobody said anything of."""


def hear(standing: Standing, news: News) -> Standing:
    """The standing after news from the router or from sla, in whatever order and however often they come."""
    newer = news.epoch >= standing.epoch  # of one epoch all say the same, but for a copy from before epochs were kept
    state, seen = _state_after(standing, news)
    due_at, clock_version = standing.journey_due_at, standing.clock_version
    extended = standing.extended_due_at
    waits_for, waits_version = _wait_after(standing, news)
    if isinstance(news, DeadlineWarned):
        extended = _later(extended, news.new_due_at)
    elif not isinstance(news, CaseNews) and news.version > clock_version:
        journey = next((clock for clock in news.clocks if clock.kind == "journey"), None)
        if not isinstance(news, ClockPaused):
            extended = _later(extended, news.new_due_at)
        if journey is not None:
            due_at, clock_version = journey.due_at if journey.state == "running" else None, news.version
    return Standing(
        state=state,
        department=news.department if newer else standing.department,
        epoch=news.epoch if newer else standing.epoch,
        seen_version=seen,
        journey_due_at=due_at,
        extended_due_at=extended,
        clock_version=clock_version,
        waits_for=waits_for,
        waits_version=waits_version,
    )


def _wait_after(standing: Standing, news: News) -> tuple[WaitsFor | None, int]:
    """What the customer is to give: a clock for it starts with a question or a resolution, and the journey's runs again
    when it was given or is no longer awaited.
    """
    if news.version > standing.waits_version and isinstance(news, (ClockStarted, ClockResumed)):
        for clock in news.clocks:
            if clock.kind in ("answer", "confirmation") and clock.state == "running":
                return clock.kind, news.version
            if clock.kind == "journey" and isinstance(news, ClockResumed):
                return None, news.version
    return standing.waits_for, standing.waits_version


def _state_after(standing: Standing, news: News) -> tuple[State, int]:
    """State and version of the router's newest event. Clocks start with an assignment; a withdrawal that this crossed
    on its way stands.
    """
    if not isinstance(news, CaseNews):
        return "assigned" if standing.state == "submitted" else standing.state, standing.seen_version
    if news.version <= standing.seen_version:
        return standing.state, standing.seen_version
    return "closed" if isinstance(news, ComplaintClosed) else "assigned", news.version


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other


def answer_date(state: str, journey_due_at: datetime | None, extended_due_at: datetime | None) -> datetime | None:
    """By when the customer has an answer: a date once given stays, a later one replaces it (as in the notices).

    None while the clock is paused, before it is known, and of a case that is over.
    """
    if state != "assigned" or journey_due_at is None:
        return None
    return _later(journey_due_at, extended_due_at)


def stage_of(state: str, *, waits_for: str | None, paused: bool, reopened: bool) -> Stage:
    """The stage of a complaint.

    Args:
        state: as intake keeps it.
        waits_for: as in `Standing`; unknown of a case that waits since before it was kept.
        paused: the journey's clock stands still.
        reopened: it was closed before.
    """
    if state == "assigned":
        if paused:
            return "resolution_proposed" if waits_for == "confirmation" else "waiting_for_customer"
        return "reopened" if reopened else "with_department"
    return "closed" if state == "closed" else "withdrawn" if state == "withdrawn" else "received"


def due_reason(stage: Stage, due_at: datetime | None) -> DueReason | None:
    """Why there is no date of the answer; None: there is one."""
    if due_at is not None:
        return None
    if stage in ("closed", "withdrawn"):
        return "over"
    return "waiting_for_customer" if stage in ("waiting_for_customer", "resolution_proposed") else "not_yet_known"


def may_amend(standing: Standing) -> bool:
    """A complaint can be added to until it is withdrawn or closed."""
    return standing.state in ("submitted", "assigned")


def may_withdraw(standing: Standing) -> bool:
    """A complaint can be withdrawn until it is closed; withdrawing twice is refused."""
    return standing.state in ("submitted", "assigned")
