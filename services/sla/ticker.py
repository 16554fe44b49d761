"""Fires what is due by the database's clock: claimed, fired, recorded and said in one transaction."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from services.sla import store
from services.sla.domain.firing import LATE, Firing, fire
from services.sla.domain.life import Life
from services.sla.store import QUERIES, Rulebook
from services.sla.store.rows import Stored
from shared.events.envelope import Event
from shared.events.sla import DeadlineEvent
from shared.runtime.errors import is_transient, safe_text
from shared.runtime.pg import Database
from shared.runtime.telemetry import Tracing
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)

FIRED = Counter("redress_sla_fired_total", "Levels of clocks that fired", ["clock", "late"])
DELAY = Histogram(
    "redress_sla_fire_delay_seconds",
    "From the moment a level was due to the moment it fired",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3_600, 86_400),
)
OVERDUE = Gauge("redress_sla_overdue_unfired", "Complaints with a level that was due more than a minute ago")

FAILED = Counter(
    "redress_sla_fire_failed_total", "Complaints whose clocks could not be fired and are tried again later"
)
HELD = Gauge("redress_sla_held_seconds", "For how long due clocks have waited until all words written before are read")
SET_ASIDE = Gauge("redress_sla_set_aside", "Complaints whose clocks cannot be worked out and are tried again later")

_LONGEST_SLEEP = 1.0
"""Also how late a level that is due at once may fire. No commit wakes the ticker: under load that would cost a query each."""
_MEASURE_EVERY = timedelta(seconds=15)

_HELD_PAUSE = 0.25
"""Seconds between two looks whether all words before a due moment are read by now."""

Claim = Callable[[Tx, datetime], Awaitable[tuple[list[Stored], list[store.Unreadable]]]]


class Horizon(Protocol):
    """How far the reader has read; see `shared/runtime/horizon.py`."""

    @property
    def held(self) -> float:
        """Seconds that due clocks have waited for unread words."""

    async def reach(self, now: datetime) -> datetime:
        """Everything that was written before this moment is read."""


class Ticker:
    """Looks for due complaints. Any number of them may run: each complaint is claimed by one."""

    def __init__(
        self,
        database: Database,
        transaction: Callable[[], AbstractAsyncContextManager[Tx]],
        book: Rulebook,
        tracing: Tracing,
        new_id: Callable[[], UUID],
        horizon: Horizon,
        *,
        reached: Callable[[str], None] = lambda _: None,
        batch: int = 500,
    ) -> None:
        self._database = database
        self._transaction = transaction
        self._book = book
        self._tracing = tracing
        self._new_id = new_id
        self._horizon = horizon
        self._reached = reached
        self._batch = batch
        self._measured: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Fire what is due until told to stop."""
        while not stop.is_set():
            await _sleep(stop, await self._turn())

    async def _turn(self) -> float:
        """Fire what is due and may fire; answers for how long there is nothing to do."""
        row = await self._database.fetchrow(QUERIES.next_moment)
        assert row is not None
        now, next_at = row["now"], row["next_at"]
        await self._measure(now, next_at)
        if next_at is None or next_at > now:
            HELD.set(0)
            return _LONGEST_SLEEP if next_at is None else min((next_at - now).total_seconds(), _LONGEST_SLEEP)
        until = await self._horizon.reach(now)
        HELD.set(self._horizon.held)
        if next_at > until:
            return _HELD_PAUSE
        # When none fires, what is due is held by another ticker or a handler and will be done in a moment.
        return 0.0 if await self.tick(until) else 0.05

    async def tick(self, until: datetime | None = None) -> int:
        """Fire one batch of what is due, or each by itself where the batch fails; answers how many levels fired.

        Args:
            until: everything that was written before this moment is read, so that no level fires that is due after it;
                none: whoever calls answers for everything before now.
        """
        try:
            return await self._tick(until, lambda tx, to: store.claim(tx, self._book, to, self._batch))
        except Exception as error:
            if is_transient(error):
                raise
            log.error("a batch of clocks fails, each is tried alone", extra={"action": "fire_alone"}, exc_info=error)
        return await self._one_by_one(until)

    async def _one_by_one(self, until: datetime | None) -> int:
        count = 0
        for row in await self._database.fetch(QUERIES.due, until, self._batch):
            complaint_id: UUID = row["complaint_id"]
            try:
                count += await self._tick(until, partial(store.claim_one, book=self._book, complaint_id=complaint_id))
            except Exception as error:
                if is_transient(error):
                    raise
                async with self._transaction() as tx:
                    await self._set_aside(tx, [store.Unreadable(complaint_id, row["reference"], error)])
        return count

    async def _tick(self, until: datetime | None, claim: Claim) -> int:
        async with self._transaction() as tx:
            to = tx.now if until is None else min(until, tx.now)
            due, unreadable = await claim(tx, to)
            fired = await self._fire(tx, to, due, unreadable)
            if due:
                self._reached("CP.sla.fired_before_commit")
        if due:
            self._reached("CP.sla.committed_before_relay")
        for firing in fired:
            FIRED.labels(firing.level.clock[0], str(firing.late).lower()).inc()
            DELAY.observe((firing.fired_at - firing.level.at).total_seconds())
        return len(fired)

    async def _fire(
        self, tx: Tx, until: datetime, due: Sequence[Stored], unreadable: Sequence[store.Unreadable]
    ) -> list[Firing]:
        changed: list[tuple[Stored, Life]] = []
        said: list[tuple[Stored, Event]] = []
        lines: list[tuple[UUID, Firing]] = []
        failed = list(unreadable)
        for stored in due:
            try:
                case, life, firings, events = fire(stored.case, tx.now, self._new_id, until)
            except Exception as error:
                # One complaint that cannot be worked out must not hold up the clocks of all others.
                failed.append(store.Unreadable(stored.case.complaint_id, stored.case.reference, error))
                continue
            changed.append((stored._replace(case=case), life))
            said += ((stored, event) for event in events)
            lines += ((case.complaint_id, firing) for firing in firings)
        if failed:
            await self._set_aside(tx, failed)
        fresh = await store.record(tx, lines)
        for stored, event in said:
            if not isinstance(event, DeadlineEvent) or event.event_id in fresh:
                tx.emit(event, trace=self._trace(stored, event))
        await store.save(tx, changed)
        return [firing for _, firing in lines if firing.event_id in fresh]

    async def _set_aside(self, tx: Tx, failed: Sequence[store.Unreadable]) -> None:
        for one in failed:
            extra = {
                "action": "fire_failed",
                "complaint_id": str(one.complaint_id),
                "reference": one.reference,
                "error": safe_text(one.error),
            }
            log.error("clocks of a complaint cannot be worked out, it waits", extra=extra, exc_info=one.error)
        FAILED.inc(len(failed))
        await store.set_aside(tx, [(one.complaint_id, safe_text(one.error)) for one in failed])

    def _trace(self, stored: Stored, event: Event) -> str | None:
        if not isinstance(event, DeadlineEvent):
            return stored.trace
        attributes = {
            "complaint.id": str(stored.case.complaint_id),
            "complaint.reference": stored.case.reference,
            "sla.clock": event.clock,
            "sla.level": event.level,
        }
        return self._tracing.fired("sla timer", stored.trace, attributes)

    async def _measure(self, now: datetime, next_at: datetime | None) -> None:
        if self._measured is not None and abs(now - self._measured) < _MEASURE_EVERY:
            return
        self._measured = now
        limit = now - LATE
        waits = next_at is not None and next_at < limit
        aside = await self._database.fetchval(QUERIES.set_aside_count)
        SET_ASIDE.set(aside)
        OVERDUE.set(aside + (await self._database.fetchval(QUERIES.overdue, limit) if waits else 0))


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
