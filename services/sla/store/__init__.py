"""Where complaints' clocks are kept: one row per complaint, locked while it changes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.sla.domain.firing import Firing
from services.sla.domain.ledger import ledger
from services.sla.domain.life import Life
from services.sla.domain.rules import Rules
from services.sla.domain.silence import AT_ONCE
from services.sla.store.rows import Row, Stored, row_of, stored_of
from shared.events.notices import NoticeSent
from shared.policies.packs import Pack
from shared.policies.watching import PolicySource
from shared.runtime.errors import Transient
from shared.runtime.pg import load_queries
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)

QUERIES = load_queries("services.sla")

Changed = tuple[Stored, Life]
"""A complaint with what follows from its facts now."""


class Unreadable(NamedTuple):
    """A complaint whose row this copy cannot read."""

    complaint_id: UUID
    reference: str
    error: Exception


class Rulebook:
    """The rules in force, and those that complaints were promised earlier."""

    def __init__(self, policies: PolicySource, default_pack: str) -> None:
        self._policies = policies
        self._default = default_pack
        self._by_version: dict[tuple[str, str], Rules] = {}
        self._kept: set[tuple[str, str]] = set()
        self._written_by: dict[tuple[str, str], Tx] = {}

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
        if key not in self._kept:
            if await tx.fetchval(QUERIES.keep_rules, pack, loaded.version, rules.snapshot()) is not None:
                self._written_by[key] = tx
            elif self._written_by.get(key) is not tx:
                # Only a row that another transaction wrote is sure: our own may yet be rolled back.
                self._kept.add(key)
                self._written_by.pop(key, None)
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
        """Rules by pack and version; those not yet in memory are fetched with one query. What cannot be read is missing."""
        missing = {key for key in keys if key not in self._by_version}
        if missing:
            packs, versions = zip(*sorted(missing), strict=True)
            for row in await tx.fetch(QUERIES.fetch_rules, list(packs), list(versions)):
                key = (row["pack"], row["version"])
                try:
                    self._by_version[key] = Rules.from_snapshot(*key, row["body"])
                except Exception as error:
                    # Only the complaints that follow these rules have to wait.
                    extra = {"action": "rules_unreadable", "pack": key[0], "version": key[1]}
                    log.error("kept rules cannot be read", extra=extra, exc_info=error)
                    continue
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


async def claim(tx: Tx, book: Rulebook, until: datetime, limit: int) -> tuple[list[Stored], list[Unreadable]]:
    """Complaints that were due at a moment, locked, the longest overdue first; and those not readable."""
    return await _readable(tx, book, await tx.fetch(QUERIES.claim, until, limit))


async def claim_one(
    tx: Tx, until: datetime, book: Rulebook, complaint_id: UUID
) -> tuple[list[Stored], list[Unreadable]]:
    """The same for one complaint; nothing when somebody else holds it."""
    return await _readable(tx, book, await tx.fetch(QUERIES.claim_one, until, complaint_id))


async def _readable(tx: Tx, book: Rulebook, rows: Sequence[Any]) -> tuple[list[Stored], list[Unreadable]]:
    rules = await book.promised(tx, _keys(rows))
    read: list[Stored] = []
    unreadable: list[Unreadable] = []
    for row in rows:
        try:
            read.append(stored_of(row, rules))
        except Exception as error:
            unreadable.append(Unreadable(row["complaint_id"], row["reference"], error))
    return read, unreadable


async def _stored(tx: Tx, book: Rulebook, rows: Sequence[Any]) -> dict[UUID, Stored]:
    rules = await book.promised(tx, _keys(rows))
    return {row["complaint_id"]: stored_of(row, rules) for row in rows}


def _keys(rows: Sequence[Any]) -> set[tuple[str, str]]:
    return {(row["rules_pack"], row["rules_version"]) for row in rows if row["rules_version"]}


async def save(tx: Tx, changed: Sequence[Changed]) -> None:
    """Write complaints with one statement for the new ones and one for those that were loaded.

    Raises:
        Transient: when another process inserted one of the new ones first; the batch is then tried again.
    """
    if await insert(tx, [pair for pair in changed if not pair[0].known]):
        raise Transient("a complaint was taken in by another process at the same moment", retry_after=0.1)
    settled = _settled([pair for pair in changed if pair[0].known], tx.now)
    if settled:
        await tx.execute(QUERIES.update_known, _rows(settled))
        reopened = [old.case.complaint_id for old, life in changed if old.closed_seen_at and life.phase != "closed"]
        await _write_ledger(tx, settled, reopened)


async def insert(tx: Tx, new: Sequence[Changed]) -> set[UUID]:
    """Write complaints that have no row; answers those that have one after all, of which nothing was written."""
    if not new:
        return set()
    settled = _settled(new, tx.now)
    rows = await tx.fetch(QUERIES.insert_new, _rows(settled))
    written = {row["complaint_id"] for row in rows}
    await _write_ledger(tx, [pair for pair in settled if pair[0].case.complaint_id in written])
    return {stored.case.complaint_id for stored, _ in settled}.difference(written)


def _rows(settled: Sequence[Changed]) -> list[Row]:
    return [row_of(stored, life) for stored, life in settled]


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


async def set_aside(tx: Tx, complaints: Sequence[tuple[UUID, str]]) -> None:
    """Leave complaints alone for a while that grows, and note why."""
    await tx.execute(QUERIES.set_aside, tx.now, *map(list, zip(*complaints, strict=True)))


def _by_id(pair: Changed) -> int:
    return pair[0].case.complaint_id.int  # the order of `uuid` in the database; comparing UUIDs runs Python each time


def _settled(changed: Sequence[Changed], now: datetime) -> list[Changed]:
    return [(_settle(stored, life, now), life) for stored, life in sorted(changed, key=_by_id)]


def _settle(stored: Stored, life: Life, now: datetime) -> Stored:
    seen = None if life.closed_at is None else stored.closed_seen_at or now
    return stored if seen == stored.closed_seen_at else stored._replace(closed_seen_at=seen)


async def _write_ledger(tx: Tx, settled: Sequence[Changed], reopened: Sequence[UUID] = ()) -> None:
    closed = [pair for pair in settled if pair[1].phase == "closed"]
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
