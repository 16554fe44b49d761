"""Channel keys for the player: those of the stack, or clients of another pack made for it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

import asyncpg

from deploy.endpoints import Endpoints, endpoints_file
from deploy.play.sources import CHANNELS
from deploy.stack.errors import StackError

DEFAULT_PACK = "retail"
ChannelName = Literal["web", "phone", "store"]


async def channel_keys(endpoints: Endpoints, pack: str) -> Mapping[str, str]:
    """A key per channel whose client files into `pack`.

    The stack's own keys are for the default pack. For another pack a client per channel, `play-PACK-CHANNEL`, is made
    at the first use and its key is kept beside the stack's own secrets.

    Raises:
        StackError: the clients cannot be made.
    """
    if pack == DEFAULT_PACK:
        return {name: key.get_secret_value() for name, key in endpoints.channel_keys.items()}
    path = endpoints_file().parent / "keys" / f"play-{pack}.json"
    keys = _read(path)
    if not set(CHANNELS) <= keys.keys():
        keys = {channel: f"rk_{secrets.token_urlsafe(32)}" for channel in CHANNELS}
        _write(path, keys)
    await _register(endpoints.dsn, pack, keys)
    return keys


async def _register(dsn: str, pack: str, keys: Mapping[str, str]) -> None:
    """Let intake know the keys; registering one again changes nothing."""
    from services.intake.keys import BadClient, add_key

    try:
        connection = await asyncpg.connect(dsn, timeout=10, server_settings={"search_path": "intake"})
        try:
            for channel, key in keys.items():
                name = f"play-{pack}-{channel}"
                await add_key(connection, name=name, channel=cast(ChannelName, channel), pack=pack, key=key)
        finally:
            await connection.close(timeout=5)
    except BadClient as error:
        raise StackError(f"No channel client for the pack {pack}: {error}", "Name a pack of deploy/policies") from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StackError(f"Postgres does not answer ({type(error).__name__})", "Look at `make status`") from error


def _read(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, keys: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(keys, file)
