"""The vault as an operator reaches it: keys of persons in Postgres, the master key in the state folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.stack.settings import load_settings
from shared.runtime.pg import Database
from shared.runtime.vault import Vault


class VaultSettings(BaseSettings):
    """Where the vault is, when it is kept apart."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    vault_database_url: SecretStr | None = None


@asynccontextmanager
async def open_vault(dsn: str) -> AsyncIterator[Vault | None]:
    """The vault; None when there is no master key here, and then nothing sealed can be read."""
    path = load_settings().home / "keys" / "master.key"
    if not path.is_file():
        yield None
        return
    apart = VaultSettings().vault_database_url
    database = Database(apart.get_secret_value() if apart is not None else dsn, name="redress-recover", size=2)
    try:
        yield Vault(database, path.read_bytes()[:32])
    finally:
        await database.close()
