"""What intake hears of a complaint: events of router and sla with everything but what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.events import routing, sla
from shared.events.envelope import Cause
from shared.events.ids import new_id

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
ID = UUID("018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11")


def closed(version: int, complaint_id: UUID = ID, **fields: Any) -> routing.ComplaintClosed:
    return routing.ComplaintClosed(**_case(complaint_id, version), **({"how": "confirmed"} | _owner(fields)))


def reopened(version: int, complaint_id: UUID = ID, **fields: Any) -> routing.ComplaintReopened:
    return routing.ComplaintReopened(**_case(complaint_id, version), **_owner(fields))


def started(
    version: int, complaint_id: UUID = ID, *, journey: datetime | None = None, **fields: Any
) -> sla.ClockStarted:
    """Clocks of an assignment; the journey's among them with the first."""
    clocks = (_clock("owner", NOW), *((_clock("journey", journey),) if journey else ()))
    return sla.ClockStarted(**_case(complaint_id, version), clocks=clocks, **_owner(fields))


def paused(version: int, complaint_id: UUID = ID, **fields: Any) -> sla.ClockPaused:
    return sla.ClockPaused(**_case(complaint_id, version), clocks=(_clock("journey", None),), **_owner(fields))


def awaited(version: int, complaint_id: UUID = ID, *, kind: sla.ClockKind, **fields: Any) -> sla.ClockStarted:
    """The clock of a question (`answer`) or of a resolution (`confirmation`), which the customer is to meet."""
    return sla.ClockStarted(**_case(complaint_id, version), clocks=(_clock(kind, NOW),), **_owner(fields))


def resumed(version: int, complaint_id: UUID = ID, *, journey: datetime, **fields: Any) -> sla.ClockResumed:
    return sla.ClockResumed(**_case(complaint_id, version), clocks=(_clock("journey", journey),), **_owner(fields))


def warned(version: int, complaint_id: UUID = ID, *, to: datetime | None = None, **fields: Any) -> sla.DeadlineWarned:
    """A date comes near; with `to` the customer is told this new one."""
    return sla.DeadlineWarned(
        **_case(complaint_id, version),
        **({"clock": "journey", "clock_epoch": 1, "level": "delay"} | _owner(fields)),
        due_at=NOW,
        fired_at=NOW,
        new_due_at=to,
    )


def _clock(kind: sla.ClockKind, due_at: datetime | None) -> sla.Clock:
    return sla.Clock(kind=kind, epoch=1, state="running" if due_at else "paused", started_at=NOW, due_at=due_at)


def _owner(fields: dict[str, Any]) -> dict[str, Any]:
    return {"department": "delivery", "epoch": 1} | fields


def _case(complaint_id: UUID, version: int) -> dict[str, Any]:
    return {
        "event_id": new_id(),
        "complaint_id": complaint_id,
        "reference": "R-4K7M-2XA9",
        "occurred_at": NOW,
        "version": version,
        "cause": Cause(kind="event", id="x", actor="policy"),
        "pack": "retail",
        "language": "zh",
        "person_id": ID,
    }
