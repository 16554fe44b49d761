"""Waits for supervised processes to answer, and notices when one keeps dying instead."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from deploy.stack.control import Control
from deploy.stack.errors import StackError

Ready = Callable[[], bool]

_PATIENCE = 90.0
_PAUSE = 0.05
#: A process that died so often while we wait will not come up by itself.
_TOO_OFTEN = 4


def wait_for_one(control: Control, name: str, ready: Ready) -> None:
    """Wait for one process; see `wait_for_all`."""
    wait_for_all(control, {name: ready}, lambda _left: None)


def wait_for_all(control: Control, probes: Mapping[str, Ready], tell: Callable[[list[str]], None]) -> None:
    """Wait until all processes answer.

    Args:
        control: Knows how often each was restarted.
        probes: Name → whether it answers.
        tell: Called with the names still waited for, whenever they change.

    Raises:
        StackError: One keeps dying, or time ran out; with its own last words.
    """
    deadline = time.monotonic() + _PATIENCE
    before: dict[str, int] = {}
    left = list(probes)
    tell(left)
    while True:
        answering = [name for name in left if probes[name]()]
        if answering:
            left = [name for name in left if name not in answering]
            if not left:
                return
            tell(left)
        for name in left:
            _check(control, name, before)
        if time.monotonic() > deadline:
            raise StackError(f"Not ready after {_PATIENCE:.0f} s: {', '.join(left)}", f"See `make logs NAME={left[0]}`")
        time.sleep(_PAUSE)


def _check(control: Control, name: str, before: dict[str, int]) -> None:
    record = control.run.read_status().processes.get(name)
    if record is None:
        return
    if record.restarts - before.setdefault(name, record.restarts) >= _TOO_OFTEN:
        raise StackError(f"{name} keeps ending: {record.why}", f"See `make logs NAME={name}`; `make down` stops all")
