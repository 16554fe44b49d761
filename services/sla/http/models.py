"""What programs get. Every instant is UTC, every length is in seconds; nothing personal is in here."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.sla.domain.ledger import Party
from services.sla.domain.phases import Phase
from shared.events.sla import ClockKind, ClockState


class Answer(BaseModel):
    """The root of all answers."""

    model_config = ConfigDict(frozen=True)


class LevelView(Answer):
    """One moment of a clock."""

    level: str = Field(description="warn_80, delay, breach, rung_1 …")
    action: Literal["warn", "delay", "breach", "escalate"]
    at: datetime
    to: str | None = Field(default=None, description="whom an escalation tells: a department, or `lead`")
    fired_at: datetime | None = None
    late: bool = Field(default=False, description="fired more than 60 s after it was due")
    said: bool = Field(default=False, description="false when a later word at the same moment made it needless")


class PauseView(Answer):
    """A stretch in which a clock stood still; `until` is none while it does."""

    since: datetime
    until: datetime | None


class ClockView(Answer):
    """One clock."""

    kind: ClockKind
    epoch: int
    state: ClockState
    started_at: datetime
    due_at: datetime | None = Field(description="none while paused")
    stopped_at: datetime | None
    outcome: Literal["met", "late"] | None = Field(
        description="none while it runs, and where a new date took its place in time"
    )
    late: bool = Field(description="the date has passed, whether the clock has ended or not")
    provisional: bool = Field(
        description="the date lies beyond the holidays that are known: it counts days that may turn out to be holidays"
    )
    counts_by: str = Field(description="a calendar's id, or `wall` when every hour counts")
    total_seconds: float
    used_seconds: float
    pauses: list[PauseView]
    levels: list[LevelView]


class LedgerLine(Answer):
    """One stretch of the journey."""

    party: Party
    department: str | None
    epoch: int
    since: datetime
    until: datetime
    seconds: float
    open_seconds: float = Field(description="what of it lay in the owning department's hours")
    closed_seconds: float


class LedgerView(Answer):
    """Who had the complaint how long. The lines sum exactly to the journey."""

    journey_seconds: float
    lines: list[LedgerLine]


class PolicyView(Answer):
    """The row of deadlines that holds."""

    id: str
    pack: str
    version: str
    calendar: str


class CaseClocks(Answer):
    """All about the time of one complaint."""

    reference: str
    complaint_id: UUID
    now: datetime
    phase: Phase
    department: str | None
    stage: int | None
    priority: str | None
    category: str | None
    received_at: datetime | None
    closed_at: datetime | None
    policy: PolicyView | None
    next: LevelView | None = Field(description="what fires next")
    clocks: list[ClockView]
    ledger: LedgerView


class BoardCase(Answer):
    """One complaint that is late or at risk."""

    reference: str
    department: str
    clock: ClockKind
    due_at: datetime
    late: bool
    priority: str
    category: str | None
    stage: int
    received_at: datetime
    trace_id: str | None


class BoardCount(Answer):
    """How one department stands."""

    department: str
    at_risk: int = Field(description="not late yet, but three quarters of the time are over")
    late: int


class Board(Answer):
    """What is late or at risk, the nearest date first."""

    now: datetime
    department: str | None = Field(description="the filter")
    counts: list[BoardCount] = Field(description="of all, on whichever page")
    cases: list[BoardCase]
    after: str | None = Field(default=None, description="begins the next page; null: there is none")
