"""Who has the ball, and since when."""

from datetime import datetime
from typing import Literal, NamedTuple

Phase = Literal["unowned", "handling", "waiting", "confirming", "closed"]
"""Nobody yet · the owner · the customer with a question · the customer with a resolution · nobody more."""


class Stretch(NamedTuple):
    """A stretch of the journey in which one party had the ball; `until` is none while it lasts."""

    phase: Phase
    department: str | None
    epoch: int
    since: datetime
    until: datetime | None
