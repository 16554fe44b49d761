"""The live view of people at work: the latest steps as they happen."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from deploy.play.scene import Scene

_PLAIN_EVERY = 5.0


class Stage:
    """Prints a line per step on a terminal; now and then a count where there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._steps:
            self._console.print(f"steps by handlers and customers: {self._steps}")

    def told(self, scene: Scene, step: str) -> None:
        """Show one step."""
        self._steps += 1
        if self._console.is_terminal:
            who, _, what = step.partition(" ")
            line = Text.assemble((f"{scene.reference}  ", "dim"), (f"{who:<20}", "bold"), what)
            self._console.print(line, highlight=False)
        elif time.monotonic() - self._said >= _PLAIN_EVERY:
            self._said = time.monotonic()
            self._console.print(f"steps by handlers and customers: {self._steps}")
