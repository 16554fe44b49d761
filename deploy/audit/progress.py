"""Says how far long work has come, on the error stream, at most every two seconds and not at all when it is short."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""What is counted, how many are done, of how many."""
_PATIENCE = 3.0
_EVERY = 2.0


def silent(_: str, __: int, ___: int) -> None:
    """Say nothing."""


def spoken() -> Progress:
    """Speak up once the work takes longer than three seconds."""
    said = time.monotonic() + _PATIENCE - _EVERY

    def say(what: str, done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _EVERY:
            said = time.monotonic()
            print(f"redress: {done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    return say
