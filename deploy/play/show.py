"""The live view of a run, on a terminal; a plain line now and then where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.play.tally import KEPT, Tally, percentile

REFRESH = 0.25
PLAIN_EVERY = 5.0


@contextlib.asynccontextmanager
async def live(console: Console, tally: Tally, title: str) -> AsyncIterator[None]:
    """Show the tally while the block runs, and its last state after it."""
    stop = asyncio.Event()
    task = asyncio.create_task(_refresh(console, tally, title, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def _refresh(console: Console, tally: Tally, title: str, stop: asyncio.Event) -> None:
    if not console.is_terminal:
        await _plain(console, tally, title, stop)
        return
    with Live(view(tally, title), console=console, auto_refresh=False) as shown:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REFRESH)
            shown.update(view(tally, title), refresh=True)


async def _plain(console: Console, tally: Tally, title: str, stop: asyncio.Event) -> None:
    said = time.perf_counter()
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), REFRESH)
        if not stop.is_set() and time.perf_counter() - said >= PLAIN_EVERY:
            said = time.perf_counter()
            console.print(f"{title}: {tally.accepted} accepted, {len(tally.failures)} failed, {tally.rate:.0f}/s")
    console.print(view(tally, title))


def view(tally: Tally, title: str) -> RenderableType:
    """Counts, times and reasons as they stand."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row(str(tally.accepted), f"accepted ({tally.rate:.0f} per second)")
    if tally.repeated or tally.skipped:
        table.add_row(str(tally.repeated + tally.skipped), "already filed before, nothing filed again")
    if tally.amended:
        table.add_row(str(tally.amended), "continuations of long texts added as amendments")
    table.add_row(str(len(tally.failures)), "failed", style="red" if tally.failures else "")
    if tally.bad:
        table.add_row(str(len(tally.bad)), "lines passed over", style="yellow")
    table.add_row(_ms(percentile(tally.seconds, 0.5)), "p50 until the answer")
    table.add_row(_ms(percentile(tally.seconds, 0.99)), "p99 until the answer")
    lines: list[RenderableType] = [table]
    if tally.waiting:
        lines.append(Text(f"waiting: {tally.waiting}", style="yellow"))
    return Group(*lines)


def complaints_about_input(tally: Tally) -> list[str]:
    """What to print of failures and bad lines at the end, by line number."""
    said = [f"line {line}: {reason}" for line, reason in tally.failures[:KEPT]]
    if len(tally.failures) > KEPT:
        said += [f"… {count} × {reason}" for reason, count in tally.reasons.most_common(10)]
    narratives = [bad for bad in tally.bad if bad.reason == "no narrative"]
    others = [bad for bad in tally.bad if bad.reason != "no narrative"]
    said += [f"line {bad.line}: {bad.reason}" for bad in others[:KEPT]]
    if len(others) > KEPT:
        said.append(f"… and {len(others) - KEPT} more lines")
    if narratives:
        said.append(f"without a narrative: {len(narratives)}, the first is line {narratives[0].line}")
    return said


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.0f} ms"
