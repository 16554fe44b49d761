"""What the router does beside events and requests: make added words searchable, apply held events."""

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

    async def run(self, stop: asyncio.Event) -> None:
        """Index what was added, gently; look for held events now and then."""
        looked = 0.0
        while not stop.is_set():
            started = time.monotonic()
            count = await self.index()
            if started - looked > _HELD_EVERY:
                await self.catch_up()
                looked = started
            more = count == INDEXED_AT_ONCE
            await _rest(stop, _REST * (time.monotonic() - started) if more else _INDEX_EVERY)

    async def index(self) -> int:
        """Index some more cases to whose words customers added; answers how many. New cases are born searchable."""
        async with self._database.connection() as connection, connection.transaction():
            return await store.index_words(connection, vector_of, INDEXED_AT_ONCE)

    async def catch_up(self) -> None:
        """Apply events that were held although their complaint is there by now."""
        if await self._database.fetchval(store.QUERIES.any_overtaken):
            async with self._transaction() as tx:
                await self._router.catch_up(tx)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
