"""The short way from the handler to the pipeline: notices leased by the transaction that makes them due.

What a batch releases is written as leased at once, and after the commit prepared from memory: one row version and one
query less than to write it as due and to claim it. The lease is one like any other: when the process dies, or the answer
to the commit is lost, the row is due again when it ends.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from services.notifier.domain.journey import Journey
from services.notifier.pipeline.claim import Claimed, claimed_of
from services.notifier.store.ledger import Lease, Row


class Handover:
    """Where claims wait for the commit of the transaction that made them.

    Args:
        length: how long a lease holds.
        room: how many more notices the pipeline takes now.
        due: called when a batch has made something due that it did not lease.
        ready: called after the commit of a transaction that made or leased something due.
    """

    def __init__(
        self, length: timedelta, room: Callable[[], int], due: Callable[[], object], ready: Callable[[], None]
    ) -> None:
        self._length = length
        self._room = room
        self._due = due
        self._ready = ready
        self._holder: asyncio.Task[Any] | None = None
        self._held: list[Claimed] = []
        self._is_due = False
        self._committed: list[Claimed] = []
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def waiting(self) -> int:
        """Claims that are on their way to the pipeline."""
        return len(self._held) + len(self._committed)

    def expect(self) -> None:
        """The transaction that is about to commit makes something due."""
        self._is_due = True

    def lease(self, count: int) -> Lease | None:
        """A lease for about so many notices of the transaction of this task; none when the pipeline has no room."""
        other = self._holder is not None and self._holder is not asyncio.current_task() and not self._holder.done()
        if other or count > self._room():
            return None
        self._holder, self._held = asyncio.current_task(), []
        self._settled.clear()
        return Lease(token=uuid4(), since=time.monotonic(), length=self._length)

    def hand(self, lease: Lease, rows: Sequence[Row], journeys: Mapping[UUID, Journey]) -> None:
        """The notices that were leased, with the journeys as the transaction leaves them."""
        self._held = [claimed_of(row, journeys[row["complaint_id"]], lease) for row in rows]

    def committed(self) -> None:
        """A transaction was committed. What another one holds is not ready: its rows cannot be seen yet."""
        ready, self._is_due = self._is_due, False
        if ready:
            self._due()
        if self._holder is not None and self._holder is asyncio.current_task():
            self._committed += self._held
            ready = ready or bool(self._held)
            self._forget()
        if ready:
            self._ready()

    def take(self) -> list[Claimed]:
        """The claims that may be worked on."""
        taken, self._committed = self._committed, []
        return taken

    async def settle(self, seconds: float) -> None:
        """Wait for the transaction that holds a lease to end, at most so long: it may have been rolled back."""
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            self._forget()

    def _forget(self) -> None:
        self._holder, self._held = None, []
        self._settled.set()
