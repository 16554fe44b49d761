"""Sealing the private links that an earlier release kept in clear."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from services.intake import store
from services.intake.writer.answers import sealed_again
from shared.runtime.pg import Database
from shared.runtime.vault import Vault

_EVERY: Final = 3_600.0
_AT_ONCE: Final = 500


def seal_links(database: Database, vault: Vault) -> Callable[[asyncio.Event], Awaitable[None]]:
    """A task that seals the private links which an earlier release kept in clear beside its keys.

    It looks when the service starts and hourly until it finds none: copies of that release may still be at work.
    """

    async def run(stop: asyncio.Event) -> None:
        while await _seal_all(database, vault, stop):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await stop.wait()
            if stop.is_set():
                return
        await stop.wait()

    return run


async def _seal_all(database: Database, vault: Vault, stop: asyncio.Event) -> bool:
    """Whether there were any."""
    found = False
    while not stop.is_set():
        clear = await store.clear_answers(database, _AT_ONCE)
        if not clear:
            break
        found = True
        keys = await vault.keys_of(person_id for *_, person_id in clear)
        sealed = [(client, key, sealed_again(answer, keys.get(person_id))) for client, key, answer, person_id in clear]
        await store.replace_answers(database, sealed)
    return found
