"""What the router does beside events and requests: make added words searchable, apply held events."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from prometheus_client import Counter

from services.router.domain.words import vector_of
from services.router.handlers import Router
from services.router.store import cases as store
from shared.runtime.errors import is_transient, safe_text
from shared.runtime.pg import Database
from shared.runtime.transaction import Tx

log = logging.getLogger(__name__)
UNSEARCHABLE = Counter("redress_router_unsearchable_total", "Cases whose words could not be made searchable")

INDEXED_AT_ONCE = 100
_REST = 3.0
"""Seconds of rest per second of indexing, so that complaints are served before many additions are indexed."""
_INDEX_EVERY, _HELD_EVERY = 2.0, 10.0


class Duties:
    """One background task."""

    def __init__(
        self, database: Database, transaction: Callable[[], AbstractAsyncContextManager[Tx]], router: Router
    ) -> None:
        self._database = database
        self._transaction = transaction
        self._router = router
        self._aside = _Aside()

    async def run(self, stop: asyncio.Event) -> None:
        """Index what was added, gently; look for held events now and then."""
        looked = 0.0
        while not stop.is_set():
            started = time.monotonic()
            if started - looked > _HELD_EVERY:
                await self.catch_up()
                looked = started
            count = await self.index()
            more = count == INDEXED_AT_ONCE
            await _rest(stop, _REST * (time.monotonic() - started) if more else _INDEX_EVERY)

    async def index(self) -> int:
        """Index some more cases to whose words customers added; answers how many. New cases are born searchable."""
        try:
            async with self._database.connection() as connection, connection.transaction():
                return await store.index_words(connection, vector_of, INDEXED_AT_ONCE)
        except Exception as error:
            if is_transient(error):
                raise
            log.error("words are indexed one by one", extra={"action": "index_alone", "error": safe_text(error)})
        return await self._index_one_by_one()

    async def _index_one_by_one(self) -> int:
        """Each by itself: words that cannot be indexed cost only their own case its place in the search."""
        ids = await store.unindexable(self._database, INDEXED_AT_ONCE)
        for complaint_id in ids:
            try:
                async with self._database.connection() as connection, connection.transaction():
                    await store.index_one(connection, vector_of, complaint_id)
            except Exception as error:
                if is_transient(error):
                    raise
                extra = {"action": "index_refused", "complaint_id": str(complaint_id), "error": safe_text(error)}
                log.error("words of a case cannot be indexed, a search does not find it", extra=extra)
                UNSEARCHABLE.inc()
                await store.give_up_indexing(self._database, complaint_id)
        return len(ids)

    async def catch_up(self) -> None:
        """Apply events that were held although their complaint is there by now: together, or else each by itself."""
        found = [one for one in await store.overtaken(self._database) if not self._aside.waits(one)]
        if not found:
            return
        try:
            await self._apply(found)
        except Exception as error:
            if is_transient(error):
                raise
            for complaint_id in found:
                await self._apply_alone(complaint_id)

    async def _apply(self, complaint_ids: Sequence[UUID]) -> None:
        async with self._transaction() as tx:
            await self._router.catch_up(tx, complaint_ids)
        for complaint_id in complaint_ids:
            self._aside.seen(complaint_id)

    async def _apply_alone(self, complaint_id: UUID) -> None:
        try:
            await self._apply([complaint_id])
        except Exception as error:
            if is_transient(error):
                raise
            extra = {"action": "held_refused", "complaint_id": str(complaint_id), "error": safe_text(error)}
            log.error("held events of a complaint cannot be applied, they wait", extra=extra, exc_info=error)
            self._aside.seen(complaint_id)


class _Aside:
    """Complaints whose held events were looked at and are still held: each look after twice the pause, at most 1 h."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks: dict[UUID, tuple[float, float]] = {}

    def seen(self, complaint_id: UUID) -> None:
        """It was looked at just now."""
        pause = min(2 * self._looks.get(complaint_id, (0.0, _HELD_EVERY))[1], 3_600.0)
        self._looks[complaint_id] = (self._clock() + pause, pause)

    def waits(self, complaint_id: UUID) -> bool:
        """Whether its time has not come yet."""
        return self._looks.get(complaint_id, (0.0, 0.0))[0] > self._clock()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
