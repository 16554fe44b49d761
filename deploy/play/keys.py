"""Channel keys for the player: those of the stack, or a client of the wanted pack made for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from deploy.endpoints import Endpoints, endpoints_file
from deploy.play.sources import CHANNELS

DEFAULT_PACK = "retail"


def channel_keys(endpoints: Endpoints, pack: str) -> Mapping[str, str]:
    """A key per channel whose client files into `pack`.

    The stack's own keys are for the default pack. For another pack a client per channel is made once
    (`play-PACK-CHANNEL`) and its keys are kept beside the stack's own.
    """
    if pack == DEFAULT_PACK:
        return {name: key.get_secret_value() for name, key in endpoints.channel_keys.items()}
    named = {c: endpoints.channel_keys.get(f"{pack}-{c}") for c in CHANNELS}
    if all(named.values()):
        return {channel: key.get_secret_value() for channel, key in named.items() if key is not None}
    return _own_keys(endpoints, pack)


def _own_keys(endpoints: Endpoints, pack: str) -> Mapping[str, str]:
    path = endpoints_file().parent / "play" / f"keys-{pack}.json"
    kept = _read(path)
    if set(CHANNELS) <= kept.keys():
        return kept
    from deploy.cli.channels import new_key

    keys = {
        channel: new_key(endpoints.dsn, client=f"play-{pack}-{channel}", channel=channel, pack=pack)
        for channel in CHANNELS
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(keys, file)
    return keys


def _read(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
