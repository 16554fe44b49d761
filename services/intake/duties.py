"""What intake does on its own: it carries on erasures that were decided and not finished."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from services.intake.handlers.erasing import Erasing
from services.intake.store import erasures
from shared.runtime.errors import safe_text

log = logging.getLogger(__name__)

_EVERY: Final = 2.0
_AFTER_TROUBLE: Final = 15.0


def carry_erasures_out(erasing: Erasing) -> Callable[[asyncio.Event], Awaitable[None]]:
    """A task that carries out what was decided, whoever decided it, and what a crash left half done."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            pause = _EVERY if await _turn(erasing) else _AFTER_TROUBLE
            try:
                async with asyncio.timeout(pause):
                    await stop.wait()
            except TimeoutError:
                continue

    return run


async def _turn(erasing: Erasing) -> bool:
    """Everything that is due; False when something could not be done and is to be tried again."""
    well = True
    try:
        for erasure_id in await erasures.due(erasing.database):
            try:
                declined = await erasing.carry_out(erasure_id)
            except Exception as error:  # one must not stop the others
                well = False
                _tell(error, str(erasure_id))
                continue
            told = {"action": "erased", "erasure_id": str(erasure_id), "declined": declined and declined.value}
            log.info("erasure carried out", extra=told)
        await erasing.sweep()
    except Exception as error:
        well = False
        _tell(error, "")
    return well


def _tell(error: Exception, erasure_id: str) -> None:
    extra = {"action": "erasure_retry", "erasure_id": erasure_id, "error": safe_text(error)}
    log.warning("an erasure could not be finished; it is tried again", extra=extra)
