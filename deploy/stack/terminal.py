"""What `redress up` says while it works: lively on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_MEGABYTE = 1024 * 1024


class Terminal:
    """Prints steps with the time each took.

    Args:
        lively: Spinners, bars and colours; by default when standard output is a terminal.
    """

    def __init__(self, *, lively: bool | None = None) -> None:
        self.lively = sys.stdout.isatty() if lively is None else lively
        self._started = time.monotonic()
        self._console: Console | None = None
        if self.lively:
            from rich.console import Console

            self._console = Console(highlight=False)

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._started

    def say(self, text: str = "") -> None:
        """Print a line."""
        if self._console is not None:
            self._console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something is going on, and in the end how long it took; yields what may say more meanwhile."""
        began = time.monotonic()
        if self._console is not None:
            with self._console.status(text) as status:
                yield lambda more: status.update(f"{text}: {more}" if more else text)
        else:
            yield lambda _more: None
        self.say(f"  {text} ({time.monotonic() - began:.1f} s)")

    @contextmanager
    def download(self, text: str, expected: int) -> Iterator[Callable[[int, int], None]]:
        """Show the progress of a download; yields what is to be called with the bytes that arrived."""
        if self._console is None:
            yield _PlainProgress(text, expected, self.say)
            self.say(f"  {text}: done")
            return
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(text, total=expected)
            yield lambda arrived, _expected: progress.advance(task, arrived)

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        if self._console is not None:
            from rich.table import Table

            table = Table(title=title, title_justify="left", title_style="bold")
            for name in head:
                table.add_column(name, overflow="fold")
            for row in rows:
                table.add_row(*row)
            self._console.print(table)
            return
        widths = [max(_width(row[column]) for row in (head, *rows)) for column in range(len(head))]
        print(f"\n{title}")
        for row in (head, *rows):
            cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
            print(f"  {'  '.join(cells)}".rstrip())
        sys.stdout.flush()


class _PlainProgress:
    """A line for every quarter of a download."""

    def __init__(self, text: str, expected: int, say: Callable[[str], None]) -> None:
        self._text = text
        self._expected = expected
        self._say = say
        self._arrived = 0
        self._quarter = 0
        self._lock = threading.Lock()

    def __call__(self, arrived: int, _expected: int) -> None:
        with self._lock:
            self._arrived += arrived
            quarter = 4 * self._arrived // max(1, self._expected)
            if quarter <= self._quarter:
                return
            self._quarter = quarter
            done, total = self._arrived // _MEGABYTE, self._expected // _MEGABYTE
        self._say(f"  {self._text}: {done} of {total} MB")


def _width(text: str) -> int:
    """Columns a text takes; Chinese characters take two."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
