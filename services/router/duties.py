"""What the router does beside events and requests: make cases searchable, apply held events."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from services.router.domain.words import vector_of
from services.router.handlers import Router
from services.router.store import cases as store
from shared.runtime.pg import Database
from shared.runtime.transaction import Tx

INDEXED_AT_ONCE = 100
_REST = 3.0
"""Seconds of rest per second of indexing, so that a burst of complaints is served before it is indexed."""
_HELD_EVERY = 10.0


class Duties:
    """One background task."""

    def __init__(
        self, database: Database, transaction: Callable[[], AbstractAsyncContextManager[Tx]], router: Router
    ) -> None:
        self._database = database
        self._transaction = transaction
        self._router = router
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something was committed; it may have to be indexed."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Index what is new, gently; look for held events now and then."""
        looked = 0.0
        while not stop.is_set():
            self._wake.clear()
            started = time.monotonic()
            count = await self.index()
            if started - looked > _HELD_EVERY:
                await self.catch_up()
                looked = started
            if count:
                await _rest(stop, min(_REST * (time.monotonic() - started), 0.5))
            if count < INDEXED_AT_ONCE:
                await self._until_woken(stop)

    async def index(self) -> int:
        """Make some more cases searchable; answers how many.

        It stands beside the hot path because the words of a case cost as much to index as the case costs to store.
        """
        async with self._database.connection() as connection, connection.transaction():
            return await store.index_words(connection, vector_of, INDEXED_AT_ONCE)

    async def catch_up(self) -> None:
        """Apply events that were held although their complaint is there by now."""
        if await self._database.fetchval(store.QUERIES.any_overtaken):
            async with self._transaction() as tx:
                await self._router.catch_up(tx)

    async def _until_woken(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(stop.wait())]
        _, pending = await asyncio.wait(waits, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        for one in pending:
            one.cancel()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
