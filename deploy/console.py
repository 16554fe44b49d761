"""The console operators' commands print to."""

from __future__ import annotations

from rich.console import Console

_WIDE = 160
"""Columns where output goes to a file or a pipe, whose width nobody knows."""


def operator_console(*, stderr: bool = False) -> Console:
    """As wide as the terminal, or wide enough for a table where there is none."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_WIDE)
