"""At the start of a service: is the master key the right one?"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import asyncpg

from shared.runtime.errors import safe_text
from shared.runtime.master_keys import WrongMasterKey
from shared.runtime.vault import Vault

log = logging.getLogger(__name__)

CONFIGURATION: Final = 78
"""EX_CONFIG of sysexits.h: what the process was given cannot be right, and one line on standard error says the remedy."""


async def open_vault(vault: Vault, stop: asyncio.Event, fail: Callable[[str, int], None]) -> None:
    """Open the vault as soon as it answers; with a wrong master key the process ends, and says the remedy.

    Args:
        vault: of the service.
        stop: set when the process ends.
        fail: ends the process: why, exit code.
    """
    pause = 0.2
    while not stop.is_set():
        try:
            await vault.open()
            return
        except WrongMasterKey as error:
            fail(str(error), CONFIGURATION)
            return
        except (asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError):
            log.error("the vault is not prepared: run `redress up`", extra={"action": "vault_unprepared"})
        except Exception as error:
            log.warning("the vault is away", extra={"action": "vault_retry", "error": safe_text(error)})
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)
