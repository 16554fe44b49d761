"""Group commit: requests that arrive while a commit is in flight share the next one.

There is no timer: the commit in flight is the window (measured: four times the throughput of a transaction per request
at an eighth of the database's CPU, and half the latency of a single request). A request whose client has gone stays
queued; a complaint that was accepted into the queue is filed or refused, never forgotten silently.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from services.intake.writer.lane import (
    Broken,
    Filed,
    Gone,
    KeyReused,
    Lane,
    Outcome,
    Place,
    References,
    Refused,
    Unavailable,
)
from services.intake.writer.persons import Persons
from services.intake.writer.rows import Filing

__all__ = [
    "Broken",
    "Bulk",
    "Filed",
    "Filing",
    "Gone",
    "GroupWriter",
    "KeyReused",
    "Outcome",
    "Persons",
    "Place",
    "References",
    "Refused",
    "Unavailable",
]

_BULK_LANES = 2


class GroupWriter:
    """Files single complaints, as many per commit as wait for it."""

    def __init__(self, place: Place, *, group_max: int = 200, queue_max: int = 2_000) -> None:
        self._lane = Lane(place)
        self._group_max = group_max
        self._queue_max = queue_max
        self._queue: deque[tuple[Filing, asyncio.Future[Outcome]]] = deque()
        self._wake = asyncio.Event()
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many complaints wait for a commit."""
        return len(self._queue)

    async def submit(self, filing: Filing) -> Outcome:
        """File one complaint; answers when it is committed or refused.

        Raises:
            Unavailable: too many wait already, the service is stopping, or the database is away.
        """
        if self._closing or len(self._queue) >= self._queue_max:
            raise Unavailable("stopping" if self._closing else "too many requests wait", retry_after=1.0)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((filing, future))
        self._wake.set()
        return await future  # a caller who has gone cancels this alone: the filing stays in the queue

    async def run(self, stop: asyncio.Event) -> None:
        """File groups until closed. `stop` alone does not end it: HTTP requests still drain then."""
        while True:
            while not self._queue:
                if self._closing:
                    await self._lane.close()
                    return
                self._wake.clear()
                await self._wake.wait()
            await self._flush([self._queue.popleft() for _ in range(min(len(self._queue), self._group_max))])

    async def close(self) -> None:
        """Take nothing more; what waits is still filed."""
        self._closing = True
        self._wake.set()

    async def _flush(self, group: Sequence[tuple[Filing, "asyncio.Future[Outcome]"]]) -> None:
        try:
            outcomes = await self._lane.file([filing for filing, _ in group])
        except Unavailable as error:
            # Whoever waits behind this group would wait for the same database, so they hear of it now.
            behind, self._queue = self._queue, deque()
            for _, future in (*group, *behind):
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a client that has gone fetches it no more
            return
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)


class Bulk:
    """Files batches, each in statements of its own, at most two at a time, so that single posts keep flowing."""

    def __init__(self, place: Place, *, group_max: int = 200) -> None:
        self._free = [Lane(place) for _ in range(_BULK_LANES)]
        self._slots = asyncio.Semaphore(_BULK_LANES)
        self._group_max = group_max

    async def file(self, filings: Sequence[Filing]) -> list[Outcome | Unavailable]:
        """File all; answers an outcome for each, in order. A batch whose client has gone is finished all the same."""
        return await asyncio.shield(asyncio.ensure_future(self._file(filings)))

    async def close(self) -> None:
        """Close idle connections."""
        for lane in self._free:
            await lane.close()

    async def _file(self, filings: Sequence[Filing]) -> list[Outcome | Unavailable]:
        outcomes: list[Outcome | Unavailable] = []
        async with self._slots:
            lane = self._free.pop()
            try:
                for start in range(0, len(filings), self._group_max):
                    group = filings[start : start + self._group_max]
                    try:
                        outcomes.extend(await lane.file(group))
                    except Unavailable as error:
                        outcomes.extend([error] * (len(filings) - start))
                        break
            finally:
                self._free.append(lane)
        return outcomes
