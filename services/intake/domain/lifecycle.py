"""What intake knows of the state of a complaint, and what its client may still do with it.

The router alone writes the life of a case. Intake keeps the little it hears of it (owner, open or closed), to show a
caller's open cases to an agent and to answer a channel that asks.
"""

from dataclasses import dataclass
from typing import Final, Literal

from shared.events.routing import ComplaintAssigned, ComplaintClosed, ComplaintReopened

State = Literal["submitted", "assigned", "withdrawn", "closed"]
CaseNews = ComplaintAssigned | ComplaintClosed | ComplaintReopened


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a complaint stands, as intake knows it."""

    state: State = "submitted"
    department: str | None = None
    seen_version: int = 0
    """The newest version of the router's events that was applied; older news is ignored."""


SUBMITTED: Final = Standing()
"""The standing of a complaint nobody said anything of."""


def hear(standing: Standing, news: CaseNews) -> Standing:
    """The standing after news from the router; unchanged by news that is not newer."""
    if news.version <= standing.seen_version:
        return standing
    state: State = "closed" if type(news) is ComplaintClosed else "assigned"
    if standing.state == "withdrawn" and type(news) is ComplaintAssigned:
        state = "withdrawn"  # an assignment that crossed the withdrawal on its way
    return Standing(state=state, department=news.department, seen_version=news.version)


def may_amend(standing: Standing) -> bool:
    """A complaint can be added to until it is withdrawn or closed."""
    return standing.state in ("submitted", "assigned")


def may_withdraw(standing: Standing) -> bool:
    """A complaint can be withdrawn until it is closed; withdrawing twice is refused."""
    return standing.state in ("submitted", "assigned")
