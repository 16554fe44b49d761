"""Forgets what is older than its span (`kept.py`): in the background, in small steps, one copy of a service at a time."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg

from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.kept import Kept
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

_FIRST = 60.0
_EVERY = 3_600.0
_AT_ONCE = 1_000
_REST = 4.0
"""Seconds of rest per second of work: at most a fifth of one connection is used."""
_MOST_REST = 1.0
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('redress.prune'), hashtext(current_schema()))"
_BEFORE = "SELECT clock.now() - $1::interval"


class Pruner:
    """Prunes the tables of one service.

    Args:
        at_once: rows that one transaction deletes at most.
    """

    def __init__(self, database: Database, service: str, kept: Sequence[Kept], *, at_once: int = _AT_ONCE) -> None:
        self._database = database
        self._service = service
        self._kept = kept
        self._at_once = at_once

    async def run(self, stop: asyncio.Event) -> None:
        """Prune a minute after the start and then every hour, until told to stop."""
        pause = _FIRST
        while not await _stopped(stop, pause):
            try:
                await self.prune(stop)
                pause = _EVERY
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.info("pruning interrupted", extra={"action": "prune_retry", "error": safe_text(error)})
                pause = _FIRST

    async def prune(self, stop: asyncio.Event | None = None) -> int:
        """Delete everything that is too old now; answers how many rows went. Ends early when told to stop."""
        stop = stop or asyncio.Event()
        gone = 0
        for kept in self._kept:
            gone += await self._prune(kept, stop)
        return gone

    async def _prune(self, kept: Kept, stop: asyncio.Event) -> int:
        before = await self._database.fetchval(_BEFORE, timedelta(days=kept.days or 0))
        if kept.first and not await self._step(kept.first, before, self._service):
            return 0
        # Rows somebody works with are left for the next time.
        sql = f"""
        DELETE FROM {kept.table} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {kept.table} WHERE {kept.old.format(service=f"'{self._service}'")}
            LIMIT {self._at_once} FOR UPDATE SKIP LOCKED))
        """  # noqa: S608  all of it is ours: kept.py
        gone, found = 0, self._at_once
        while found >= self._at_once and not stop.is_set():
            began = time.monotonic()
            tag = await self._step(sql, before)
            if tag is None:
                break
            found = int(tag.rpartition(" ")[2])
            gone += found
            metrics.PRUNED.labels(self._service, kept.table).inc(found)
            if found >= self._at_once:
                await _stopped(stop, min(_MOST_REST, _REST * (time.monotonic() - began)))
        if gone:
            log.info("pruned", extra={"action": "prune", "table": kept.table, "rows": gone, "days": kept.days})
        return gone

    async def _step(self, sql: str, *args: Any) -> str | None:
        """One short transaction; nothing when another copy of the service is at it."""
        async with self._database.connection() as connection, connection.transaction():
            # What a crash undoes is done again.
            await connection.execute("SET LOCAL synchronous_commit = off")
            if not await connection.fetchval(_LOCK):
                return None
            return str(await connection.execute(sql, *args))


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
