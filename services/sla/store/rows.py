"""A complaint's row: what is written of it and how it is read back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from services.sla.domain import facts
from services.sla.domain.case import Case, Shown
from services.sla.domain.clocks import Clock
from services.sla.domain.levels import next_due
from services.sla.domain.life import Life
from services.sla.domain.rules import Rules
from shared.policies.sla import SOON_SHARE
from shared.runtime.errors import RedressError

_OWED = frozenset({"journey", "owner", "first_response", "silence", "promise"})
"""Clocks whose date we owe somebody; the others are dates the customer owes us."""


class RulesMissing(RedressError):
    """The rules that a complaint was promised are not there, or a newer copy wrote what this one does not know."""


class Stored(NamedTuple):
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
    """A complaint from its row.

    Raises:
        RulesMissing: the rules it follows are not there or cannot be read by this copy.
    """
    version = row["rules_version"]
    if version and (row["rules_pack"], version) not in rules:
        raise RulesMissing(f"the rules {row['rules_pack']}@{version} it follows cannot be read by this copy")
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


class Row(NamedTuple):
    """A complaint ready to be written: the type `journey_row` of the database, column by column."""

    complaint_id: UUID
    reference: str
    pack: str | None
    rules_pack: str | None
    rules_version: str | None
    language: str | None
    person_id: UUID | None
    department: str | None
    epoch: int | None
    stage: int | None
    category: str | None
    priority: str | None
    channel: str | None
    received_at: datetime | None
    phase: str
    closed_at: datetime | None
    closed_seen_at: datetime | None
    facts: str
    clocks: str
    fired: str
    version: int
    next_at: datetime | None
    next_clock: str | None
    next_epoch: int | None
    next_level: str | None
    due_at: datetime | None
    due_clock: str | None
    soon_at: datetime | None
    trace: str | None


def row_of(stored: Stored, life: Life) -> Row:
    """What is written of a complaint by `insert_new` and `update_known`."""
    case, head, rules = stored.case, life.head, stored.case.rules
    level = None if rules is None else next_due(life, rules, case.fired)
    owed = [clock for clock in life.running() if clock.kind in _OWED]
    first = min(owed, key=_deadline, default=None)
    return Row(
        complaint_id=case.complaint_id,
        reference=case.reference,
        pack=case.pack or None,
        rules_pack=rules.pack if rules else None,
        rules_version=rules.version if rules else None,
        language=case.language,
        person_id=case.person_id,
        department=head.department if head else None,
        epoch=head.epoch if head else None,
        stage=head.stage if head else None,
        category=head.category if head else None,
        priority=head.priority if head else None,
        channel=head.channel if head else None,
        received_at=head.received_at if head else None,
        phase=life.phase,
        closed_at=life.closed_at,
        closed_seen_at=stored.closed_seen_at,
        facts=_json(facts.to_json(case.facts)),
        clocks=_json([_shown_to_json(clock) for clock in case.shown.values()]),
        fired=_json(sorted(case.fired)) if case.fired else "[]",
        version=case.version,
        next_at=level.at if level else None,
        next_clock=level.clock[0] if level else None,
        next_epoch=level.clock[1] if level else None,
        next_level=level.name if level else None,
        due_at=first.deadline if first else None,
        due_clock=first.kind if first else None,
        soon_at=min([_at_risk_from(clock) for clock in owed], default=None),
        trace=stored.trace,
    )


def _json(value: Any) -> str:
    """Written by pydantic: `json` with `isoformat` takes three times as long."""
    return to_json(value).decode()


def _deadline(clock: Clock) -> datetime:
    return clock.deadline


def _at_risk_from(clock: Clock) -> datetime:
    """When its date is due soon; the desk reckons by the same share."""
    return clock.started_at + (clock.deadline - clock.started_at) * SOON_SHARE


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


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
