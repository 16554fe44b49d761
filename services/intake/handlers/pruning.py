"""Forgetting the stored answers nobody will ask for again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from services.intake import store
from shared.runtime.pg import Database

_EVERY: Final = 3_600.0
_AT_ONCE: Final = 5_000


def forget_answers(database: Database, days: int) -> Callable[[asyncio.Event], Awaitable[None]]:
    """A task that hourly deletes answers older than so many days, a few thousand per statement."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with asyncio.timeout(_EVERY):
                    await stop.wait()
            except TimeoutError:
                before = await store.clock(database) - timedelta(days=days)
                forgotten = _AT_ONCE
                while forgotten >= _AT_ONCE and not stop.is_set():
                    forgotten = await store.prune_answers(database, before)

    return run
