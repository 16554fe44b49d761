"""Rows that a test of the suite plays whole, with servers of its own: their place is `suite`, and nothing else runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fault.matrix.row import row
from tests.support.world import World

_ROOT = Path(__file__).parents[3]


def _suite(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:]
    return f"{done.stdout.strip().splitlines()[-1]} ({arguments[0]})"


@row("20", "broker loses its unflushed tail; a topic made anew", place="suite", seconds=40)
def tail_lost(_: World | None) -> str:
    return _suite("tests/integration/runtime/test_relay_truncation.py")


@row("42", "daylight saving, leap days, edited holidays (properties)", place="suite", seconds=12)
def calendars(_: World | None) -> str:
    return _suite("tests/unit/sla", "-k", "calendar")


@row("52", "rolling upgrade from the commit before, one service at a time", place="suite", seconds=90)
def upgrade(_: World | None) -> str:
    return _suite("tests/integration/stack/test_upgrade.py")


@row("53", "Postgres restored from a backup; topics deleted", place="suite", seconds=100)
def restored(_: World | None) -> str:
    return _suite("tests/fault/test_recovery.py", "-k", "restored or deleted")
