"""Plays entries at a given rate through their channels, several requests at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from deploy.play.channel import Channel, Outcome
from deploy.play.journal import Journal
from deploy.play.sources import BadLine, Entry
from deploy.play.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast and in what portions.

    Attributes:
        rate: complaints per second; None for as fast as they are answered.
        batch: complaints per request of the batch endpoint; 0 for single posts.
        at_once: requests in flight.
        limit: lines to send at most; None for all.
    """

    rate: float | None = None
    batch: int = 0
    at_once: int = 8
    limit: int | None = None


async def play(
    lines: Iterable[Entry | BadLine],
    channel_of: Callable[[str], Channel],
    pace: Pace,
    tally: Tally,
    *,
    journal: Journal | None = None,
    again: bool = False,
    stop: asyncio.Event | None = None,
) -> Tally:
    """Play every line. Bad lines are counted and passed over; a refused entry does not stop the others.

    Args:
        channel_of: the client for a channel's name.
        journal: entries it holds are not sent, unless `again`.
        stop: set it to finish what is in flight and return.

    Raises:
        StackError: when going on makes no sense: the key is refused, or intake stays away.
    """
    stop = stop or asyncio.Event()
    running: set[asyncio.Task[None]] = set()
    free = asyncio.Semaphore(pace.at_once)
    beat = _Beat(pace.rate)
    try:
        for portion in _portions(_sendable(lines, tally, None if again else journal, pace.limit), pace.batch):
            await beat.wait(len(portion), stop)
            await free.acquire()
            if stop.is_set():
                break
            _raise_first(running)
            task = asyncio.create_task(_send(portion, channel_of(portion[0].channel), pace.batch > 0, tally, journal))
            running.add(task)
            task.add_done_callback(lambda _: free.release())
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        tally.ended = time.perf_counter()
    return tally


def _raise_first(running: set[asyncio.Task[None]]) -> None:
    for task in [task for task in running if task.done()]:
        running.discard(task)
        task.result()


def _sendable(
    lines: Iterable[Entry | BadLine], tally: Tally, journal: Journal | None, limit: int | None
) -> Iterator[Entry]:
    sent = 0
    for line in lines:
        if limit is not None and sent >= limit:
            return
        if isinstance(line, BadLine):
            tally.bad.append(line)
            continue
        sent += 1
        if journal is not None and line.key in journal:
            tally.skipped += 1
            continue
        yield line


def _portions(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Portions of one channel each, in order; single entries when `size` is 0."""
    waiting: dict[str, list[Entry]] = {}
    for entry in entries:
        portion = waiting.setdefault(entry.channel, [])
        portion.append(entry)
        if len(portion) >= max(1, size):
            yield waiting.pop(entry.channel)
    yield from waiting.values()


async def _send(portion: list[Entry], channel: Channel, batch: bool, tally: Tally, journal: Journal | None) -> None:
    outcomes: list[Outcome] = await channel.post_batch(portion) if batch else [await channel.post(portion[0])]
    for outcome in outcomes:
        tally.count(outcome)
        if journal is not None and outcome.receipt is not None:
            journal.add(outcome.entry.key)


class _Beat:
    """Spaces requests evenly; what was late is not caught up in a burst of more than one second."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next: float | None = None

    async def wait(self, size: int, stop: asyncio.Event) -> None:
        if self._rate is None:
            return
        now = time.perf_counter()
        self._next = now if self._next is None else max(self._next, now - 1.0)
        if self._next > now:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._next - now)
        self._next += size / self._rate
