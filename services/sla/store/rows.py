"""A complaint's row: what is written of it and how it is read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from services.sla.domain import facts
from services.sla.domain.case import Case, Shown
from services.sla.domain.levels import next_due
from services.sla.domain.life import Life
from services.sla.domain.rules import Rules

_OWED = frozenset({"journey", "owner", "first_response", "silence", "promise"})
"""Clocks whose date we owe somebody; the others are dates the customer owes us."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A complaint as loaded, with what belongs to its row alone.

    Attributes:
        known: whether it has a row.
        closed_seen_at: when we learnt that it was closed.
        trace: trace context of its first assignment.
    """

    case: Case
    known: bool
    closed_seen_at: datetime | None = None
    trace: str | None = None


def stored_of(row: Any, rules: Mapping[tuple[str, str], Rules]) -> Stored:
    """A complaint from its row."""
    version = row["rules_version"]
    case = Case(
        complaint_id=row["complaint_id"],
        reference=row["reference"],
        pack=row["pack"] or "",
        language=row["language"] or "zh",
        person_id=row["person_id"],
        rules=rules[row["rules_pack"], version] if version else None,
        facts=facts.from_json(row["facts"]),
        fired=frozenset((clock, epoch, level) for clock, epoch, level in row["fired"]),
        shown={(entry["kind"], entry["epoch"]): _shown(entry) for entry in row["clocks"]},
        version=row["version"],
    )
    return Stored(case=case, known=True, closed_seen_at=row["closed_seen_at"], trace=row["trace"])


def row_of(stored: Stored, life: Life) -> Row:
    """The row in the order of the parameters of `insert_new` and `update_known`."""
    case, rules = stored.case, stored.case.rules
    return (
        case.complaint_id,
        case.reference,
        case.pack or None,
        *((rules.pack, rules.version) if rules is not None else (None, None)),
        case.language,
        case.person_id,
        *_head(life),
        life.phase,
        life.closed_at,
        stored.closed_seen_at,
        _json(facts.to_json(case.facts)),
        _json([_shown_to_json(clock) for clock in case.shown.values()]),
        _json(sorted(case.fired)) if case.fired else "[]",
        case.version,
        *_next(stored.case, life),
        *_owed(life),
        stored.trace,
    )


def _head(life: Life) -> Row:
    head = life.head
    if head is None:
        return (None,) * 7
    return (
        head.department,
        head.epoch,
        head.stage,
        head.category,
        head.priority,
        head.channel,
        head.received_at,
    )


def _next(case: Case, life: Life) -> Row:
    """When the ticker must look next, and for which level of which clock."""
    level = None if case.rules is None else next_due(life, case.rules, case.fired)
    return (None,) * 4 if level is None else (level.at, *level.clock, level.name)


def _owed(life: Life) -> Row:
    """The next date we owe somebody, of which clock, and from when on it is at risk."""
    owed = [clock for clock in life.running() if clock.kind in _OWED]
    if not owed:
        return (None,) * 3
    first = min(owed, key=lambda clock: clock.deadline)
    soon = min([clock.started_at + (clock.deadline - clock.started_at) * 3 / 4 for clock in owed])
    return first.deadline, first.kind, soon


def _shown_to_json(clock: Shown) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "kind": clock.kind,
        "epoch": clock.epoch,
        "state": clock.state,
        "started_at": clock.started_at,
    }
    if clock.due_at is not None:
        entry["due_at"] = clock.due_at
    if clock.paused_at is not None:
        entry["paused_at"] = clock.paused_at
    if clock.stopped_at is not None:
        entry["stopped_at"] = clock.stopped_at
        entry["outcome"] = clock.outcome
    return entry


def _shown(entry: Mapping[str, Any]) -> Shown:
    return Shown(
        kind=entry["kind"],
        epoch=entry["epoch"],
        state=entry["state"],
        started_at=datetime.fromisoformat(entry["started_at"]),
        due_at=_moment(entry.get("due_at")),
        paused_at=_moment(entry.get("paused_at")),
        stopped_at=_moment(entry.get("stopped_at")),
        outcome=entry.get("outcome"),
    )


def _json(value: Any) -> str:
    """As text, moments in ISO 8601: three times as fast as `json` with `isoformat`."""
    return to_json(value).decode()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
