"""`redress logs [NAME] [-f]`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from deploy.stack.errors import StackError
from deploy.stack.settings import load_settings

_PAUSE = 0.3


def command(
    name: Annotated[str | None, typer.Argument(help="Which process; all of them when left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new lines come.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines to begin with, per process.")] = 50,
) -> None:
    """Show the last lines of the logs, and with `-f` every new one."""
    folder = load_settings().home / "logs"
    logs = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if name is not None and name not in logs:
        known = ", ".join(logs) or "none"
        raise StackError(f"There is no log of {name!r} in {folder} (there are: {known})", "Start it with `make up`")
    if not logs:
        raise StackError(f"There are no logs in {folder}", "Start the stack with `make up`")
    chosen = {name: logs[name]} if name else logs
    for which, path in chosen.items():
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in deque(file, maxlen=lines):
                _print(which, line, alone=name is not None)
    if follow:
        for which, line in _new_lines(chosen):
            _print(which, line, alone=name is not None)


def _new_lines(logs: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield lines as they are written, for ever; notices when a log was rotated."""
    files: dict[str, IO[str]] = {}
    for which, path in logs.items():
        files[which] = path.open(encoding="utf-8", errors="replace")
        files[which].seek(0, 2)
    while True:
        quiet = True
        for which, file in files.items():
            if logs[which].stat().st_size < file.tell():
                file.seek(0)
            for line in file:
                quiet = False
                yield which, line
        if quiet:
            time.sleep(_PAUSE)


def _print(which: str, line: str, *, alone: bool) -> None:
    print(line.rstrip("\n") if alone else f"{which:9} {line.rstrip()}", flush=True)
