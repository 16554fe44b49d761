"""Where complaints' clocks are kept: one row per complaint, locked while it changes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.sla.domain import facts
from services.sla.domain.case import Case, Shown
from services.sla.domain.firing import Firing
from services.sla.domain.ledger import ledger
from services.sla.domain.levels import next_due
from services.sla.domain.life import Life
from services.sla.domain.rules import Rules
from services.sla.domain.silence import AT_ONCE
from shared.events.notices import NoticeSent
from shared.policies.packs import Pack
from shared.policies.watching import PolicySource
from shared.runtime.errors import Transient
from shared.runtime.pg import load_queries
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)

QUERIES = load_queries("services.sla")

_OWED = frozenset({"journey", "owner", "first_response", "silence", "promise"})
"""Clocks whose date we owe somebody; the others are dates the customer owes us."""


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


class Rulebook:
    """The rules in force, and those that complaints were promised earlier."""

    def __init__(self, policies: PolicySource, default_pack: str) -> None:
        self._policies = policies
        self._default = default_pack
        self._by_version: dict[tuple[str, str], Rules] = {}
        self._kept: set[tuple[str, str]] = set()

    async def in_force(self, tx: Tx, name: str, department: str) -> Rules:
        """The rules that a complaint assigned now follows. They are kept before anything refers to them.

        A pack that is not loaded here (a newer router) gives way to the department's own, or to the default one: a date
        from the wrong pack is better than no date.
        """
        loaded = self._pack(name, department)
        pack = loaded.name
        key = (pack, loaded.version)
        rules = self._by_version.get(key)
        if rules is None:
            rules = self._by_version[key] = Rules.of(loaded)
        if (
            key not in self._kept
            and await tx.fetchval(QUERIES.keep_rules, pack, loaded.version, rules.snapshot()) is None
        ):
            # Only a row that was there already is sure: our own may yet be rolled back.
            self._kept.add(key)
        return rules

    def _pack(self, name: str, department: str) -> Pack:
        packs = self._policies.packs
        if name in packs.by_name:
            return packs[name]
        log.warning("pack is not loaded", extra={"action": "unknown_pack", "pack": name})
        try:
            return packs.pack_of(department)
        except KeyError:
            return packs[self._default]

    async def promised(self, tx: Any, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Rules]:
        """Rules by pack and version; those not yet in memory are fetched with one query."""
        missing = {key for key in keys if key not in self._by_version}
        if missing:
            packs, versions = zip(*sorted(missing), strict=True)
            for row in await tx.fetch(QUERIES.fetch_rules, list(packs), list(versions)):
                key = (row["pack"], row["version"])
                self._by_version[key] = Rules.from_snapshot(*key, row["body"])
                self._kept.add(key)
        return self._by_version


async def load(tx: Tx, book: Rulebook, ids: Sequence[UUID]) -> dict[UUID, Stored]:
    """The complaints that have a row, locked in key order."""
    return await _stored(tx, book, await tx.fetch(QUERIES.load, sorted(ids)))


async def no_news(tx: Tx, heard: Sequence[NoticeSent]) -> set[UUID]:
    """The notices that reached the customer so soon after receipt that no clock moves: the usual acknowledgement.

    They are told from the others without loading and locking their complaints, which would cost more than all else.
    """
    if not heard:
        return set()
    ids, moments = [notice.complaint_id for notice in heard], [notice.sent_at for notice in heard]
    rows = await tx.fetch(QUERIES.no_news, ids, moments, AT_ONCE)
    return {heard[row["place"] - 1].event_id for row in rows}


async def claim(tx: Tx, book: Rulebook, limit: int) -> list[Stored]:
    """Complaints that are due by the transaction's time, locked, the longest overdue first."""
    return list((await _stored(tx, book, await tx.fetch(QUERIES.claim, tx.now, limit))).values())


async def _stored(tx: Tx, book: Rulebook, rows: Sequence[Any]) -> dict[UUID, Stored]:
    keys = {(row["rules_pack"], row["rules_version"]) for row in rows if row["rules_version"]}
    rules = await book.promised(tx, keys)
    return {row["complaint_id"]: stored_of(row, rules) for row in rows}


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


async def save(tx: Tx, changed: Sequence[tuple[Stored, Life]]) -> None:
    """Write complaints with one statement for the new ones and one for those that were loaded.

    Raises:
        Transient: when another process inserted one of the new ones first; the batch is then tried again.
    """
    if not changed:
        return
    settled = [(_settle(stored, life, tx.now), life) for stored, life in sorted(changed, key=_by_id)]
    new = [_row(stored, life) for stored, life in settled if not stored.known]
    old = [_row(stored, life) for stored, life in settled if stored.known]
    if new and len(await tx.fetch(QUERIES.insert_new, new)) < len(new):
        raise Transient("a complaint was taken in by another process at the same moment", retry_after=0.1)
    if old:
        await tx.execute(QUERIES.update_known, old)
    reopened = [old.case.complaint_id for old, life in changed if old.closed_seen_at and life.phase != "closed"]
    await _write_ledger(tx, [pair for pair in settled if pair[1].phase == "closed"], reopened)


async def record(tx: Tx, firings: Sequence[tuple[UUID, Firing]]) -> set[UUID]:
    """Write the ledger of what fires; answers the events of the lines that are new. Others must not be said again."""
    if not firings:
        return set()
    columns = (
        (case, *firing.level.key, firing.level.at, firing.fired_at, firing.late, firing.event_id)
        for case, firing in firings
    )
    rows = await tx.fetch(QUERIES.record_fired, *map(list, zip(*columns, strict=True)))
    return {row["event_id"] for row in rows if row["event_id"] is not None}


async def postpone(tx: Tx, ids: Sequence[UUID], until: datetime) -> None:
    """Leave complaints alone until a moment."""
    await tx.execute(QUERIES.postpone, list(ids), until)


def _by_id(pair: tuple[Stored, Life]) -> UUID:
    return pair[0].case.complaint_id


def _settle(stored: Stored, life: Life, now: datetime) -> Stored:
    seen = None if life.closed_at is None else stored.closed_seen_at or now
    return stored if seen == stored.closed_seen_at else replace(stored, closed_seen_at=seen)


async def _write_ledger(tx: Tx, closed: Sequence[tuple[Stored, Life]], reopened: Sequence[UUID]) -> None:
    if not closed and not reopened:
        return
    lines = [
        (stored.case.complaint_id, n, line.party, line.department, line.epoch, line.since, line.until, line.open)
        for stored, life in closed
        if stored.case.rules is not None
        for n, line in enumerate(ledger(life, stored.case.rules, tx.now), 1)
    ]
    await tx.execute(QUERIES.clear_ledger, [*reopened, *(stored.case.complaint_id for stored, _ in closed)])
    if lines:
        await tx.execute(QUERIES.write_ledger, *map(list, zip(*lines, strict=True)))


def _row(stored: Stored, life: Life) -> dict[str, Any]:
    """The row as JSON; what is not given is null."""
    case, head, rules = stored.case, life.head, stored.case.rules
    level = None if rules is None else next_due(life, rules, case.fired)
    owed = [clock for clock in life.running() if clock.kind in _OWED]
    first = min(owed, key=lambda clock: clock.deadline, default=None)
    soon = min((clock.started_at + (clock.deadline - clock.started_at) * 3 / 4 for clock in owed), default=None)
    row = {
        "complaint_id": str(case.complaint_id),
        "reference": case.reference,
        "pack": case.pack or None,
        "rules_pack": rules.pack if rules else None,
        "rules_version": rules.version if rules else None,
        "language": case.language,
        "person_id": str(case.person_id) if case.person_id else None,
        "department": head.department if head else None,
        "epoch": head.epoch if head else None,
        "stage": head.stage if head else None,
        "category": head.category if head else None,
        "priority": head.priority if head else None,
        "channel": head.channel if head else None,
        "received_at": _iso(head.received_at if head else None),
        "phase": life.phase,
        "closed_at": _iso(life.closed_at),
        "closed_seen_at": _iso(stored.closed_seen_at),
        "facts": facts.to_json(case.facts),
        "clocks": [_shown_to_json(clock) for clock in case.shown.values()],
        "fired": sorted(case.fired),
        "version": case.version,
        "next_at": _iso(level.at if level else None),
        "next_clock": level.clock[0] if level else None,
        "next_epoch": level.clock[1] if level else None,
        "next_level": level.name if level else None,
        "due_at": _iso(first.deadline if first else None),
        "due_clock": first.kind if first else None,
        "soon_at": _iso(soon),
        "trace": stored.trace,
    }
    return _given(row)


def _shown_to_json(clock: Shown) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "kind": clock.kind,
        "epoch": clock.epoch,
        "state": clock.state,
        "started_at": clock.started_at.isoformat(),
    }
    if clock.due_at is not None:
        entry["due_at"] = clock.due_at.isoformat()
    if clock.paused_at is not None:
        entry["paused_at"] = clock.paused_at.isoformat()
    if clock.stopped_at is not None:
        entry["stopped_at"] = clock.stopped_at.isoformat()
        entry["outcome"] = clock.outcome
    return entry


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


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


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
