"""Where the master keys are: named by the environment as for the services, or in the state folder."""

from __future__ import annotations

from pathlib import Path

from deploy.stack.errors import StackError
from deploy.stack.settings import load_settings
from shared.runtime.master_keys import MasterKeys


def master_keys() -> MasterKeys:
    """Read them.

    Raises:
        StackError: A file is missing or too short.
    """
    settings = load_settings()
    current = settings.master_key_file or settings.home / "keys" / "master.key"
    others = [Path(name.strip()) for name in settings.master_keys_old.split(",") if name.strip()]
    return MasterKeys(_read(current), [_read(path) for path in others])


def _read(path: Path) -> bytes:
    try:
        key = path.expanduser().read_bytes()[:32]
    except OSError as error:
        raise StackError(
            f"Key file {path} cannot be read: {error.strerror}", "Correct MASTER_KEY_FILE or MASTER_KEYS_OLD"
        ) from None
    if len(key) < 32:
        raise StackError(f"Key file {path} holds fewer than 32 bytes", "Put the right file there")
    return key
