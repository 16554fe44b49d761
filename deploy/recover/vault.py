"""The vault as an operator reaches it: keys of persons in Postgres, the master keys in their files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.keys.files import master_keys
from deploy.stack.errors import StackError
from deploy.stack.settings import load_settings
from shared.runtime.master_keys import WrongMasterKey
from shared.runtime.pg import Database
from shared.runtime.vault import Vault


@asynccontextmanager
async def open_vault(dsn: str) -> AsyncIterator[Vault | None]:
    """The vault; None when there is no master key here, and then nothing sealed can be read.

    Args:
        dsn: the operator's, of the database with the keys of persons.

    Raises:
        StackError: the master key is another one than wraps the keys.
    """
    settings = load_settings()
    if settings.master_key_file is None and not (settings.home / "keys" / "master.key").is_file():
        yield None
        return
    database = Database(dsn, name="redress-recover", size=2)
    try:
        vault = Vault(database, master_keys())
        try:
            await vault.open()
        except WrongMasterKey as error:
            raise StackError("The master key is not the one of this vault", str(error)) from None
        yield vault
    finally:
        await database.close()
