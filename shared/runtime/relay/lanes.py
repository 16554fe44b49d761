"""All lanes of one relay: which rows each reads, how they part and come together again."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from shared.runtime.relay import rows
from shared.runtime.relay.lane import Lane, Place, shards_at
from shared.runtime.relay.window import Window

_OLD_CODE = 2.0
"""Seconds until shards that a relay of before leases still serves are tried again."""


class Lanes:
    """The main stream and what is read apart from it.

    Attributes:
        main: reads all topics of all shards, but for what is apart.
        apart: lanes of one topic or partition that stand still or catch up, and lanes of shards that were just taken over.
        counts: topic → how many partitions it had when it was asked last.
    """

    def __init__(self, service: str, batch: int) -> None:
        self._service = service
        self._batch = batch
        self.main = Lane(set(), Window(0), batch)
        self.apart: list[Lane] = []
        self._ended: set[tuple[str, int]] = set()
        self.counts: dict[str, int] = {}
        self._retry: float | None = None

    @property
    def served(self) -> frozenset[int]:
        """The shards that are published here."""
        return frozenset().union(*(lane.shards for lane in self.all() if lane.place is None))

    @property
    def unsettled(self) -> bool:
        """Whether shards that we hold a lease of may be free of old code by now."""
        return self._retry is not None and time.monotonic() >= self._retry

    @property
    def barred(self) -> bool:
        """Whether old code keeps shards from us that we hold a lease of."""
        return self._retry is not None

    def lack(self, held: frozenset[int]) -> bool:
        """Whether some of these shards are not published here, and nobody else keeps them from us."""
        return not self.barred and not held <= self.served

    def all(self) -> list[Lane]:
        """The main stream first."""
        return [self.main, *self.apart]

    def clear(self) -> None:
        """Nothing is published here any more; positions stay as they were noted."""
        self.main, self.apart, self._ended = Lane(set(), Window(0), self._batch), [], set()

    def forget(self, shards: Iterable[int]) -> None:
        """These shards are no longer ours."""
        gone = set(shards)
        for lane in self.all():
            lane.shards -= gone
        self.apart = [lane for lane in self.apart if lane.shards]
        if not self.main.shards:
            self._promote()

    def _promote(self) -> None:
        """Let the lane that has come furthest be the main stream."""
        whole = [lane for lane in self.apart if lane.place is None]
        if whole:
            self.main = max(whole, key=lambda lane: lane.window.high)
            self.apart.remove(self.main)

    async def gain(self, connection: Any, shards: Iterable[int]) -> None:
        """Read these shards too, from where their position was noted."""
        wanted = set(shards)
        self._retry = None
        if not wanted:
            return
        free = await rows.lock_against_old_code(connection, self._service, wanted)
        if free != wanted:
            self._retry = time.monotonic() + _OLD_CODE
        groups: dict[tuple[str, int, tuple[int, ...]], Lane] = {}
        for topic, shard, window in await rows.positions(connection, free):
            key = topic, window.high, tuple(window.open)
            lane = groups.get(key)
            if lane is None:
                lane = groups[key] = Lane(set(), window, self._batch, (topic, -1) if topic else None)
            lane.shards.add(shard)
        self.apart += groups.values()
        if not self.main.shards:
            self._promote()

    # -- what a lane reads ---------------------------------------------------------------------------------------------

    def beside(self, lane: Lane) -> list[tuple[str, int]]:
        """Topics and shards that are read apart from this lane."""
        if not self.apart:
            return []
        return sorted(
            {
                (other.place[0], shard)
                for other in self.apart
                if other is not lane and other.place is not None and _narrower(other.place, lane.place)
                for shard in other.shards & lane.shards
            }
        )

    def _bases(self, lane: Lane) -> list[Lane]:
        if lane.place is None:
            return [] if lane is self.main else [self.main]
        return [
            other
            for other in self.all()
            if other is not lane and other.shards & lane.shards and _narrower(lane.place, other.place)
        ]

    def bound(self, lane: Lane) -> int | None:
        """How far it reads: not beyond the stream it left, so that it can join it; None: as far as there is."""
        if lane is self.main:
            return None
        return min((base.window.high for base in self._bases(lane)), default=lane.window.high)

    # -- parting and joining -------------------------------------------------------------------------------------------

    def of(self, lane: Lane, place: Place) -> Lane:
        """The lane that was set apart from this one for a place, or this one."""
        if lane.place == place:
            return lane
        return next((a for a in self.apart if a.place == place and a.shards and a.shards <= lane.shards), lane)

    def set_apart(self, lane: Lane, place: Place, ids: Sequence[int]) -> Lane:
        """Read what goes to a place in a lane of its own from now on, beginning with rows that were seen and not published."""
        target = self.of(lane, place)
        if target is lane and lane.place != place:
            mine = shards_at(lane.shards, place[1], self.counts.get(place[0], 1))
            target = Lane(mine, lane.window.copy(), self._batch, place)
            self.apart.append(target)
        if target is not lane:
            lane.window.sent(ids)
        target.window.hold(ids)
        return target

    def merge(self, lane: Lane) -> bool:
        """Let a lane that has caught up join the stream it left; answers whether it did."""
        bases = self._bases(lane)
        if len(bases) != 1 or lane not in self.apart or lane.window.high < bases[0].window.high:
            return False
        (base,) = bases
        for number, mark in lane.window.open.items():
            base.window.open.setdefault(number, mark)
        self.apart.remove(lane)
        if lane.place is None:
            base.shards |= lane.shards
        else:
            self._ended |= {(lane.place[0], shard) for shard in lane.shards}
        return True

    def restart(self, place: Place, start: int, partitions: int) -> int:
        """Publish again what went to a place behind an id, in order, and then what follows; answers for how many shards."""
        mine = shards_at(set(self.served), place[1], partitions)
        for other in [a for a in self.apart if a.place is not None and a.place[0] == place[0]]:
            if other.place == place:
                start = min(start, other.window.low)
                self.apart.remove(other)
        if mine:
            self.apart.append(Lane(mine, Window(start), self._batch, place))
        return len(mine)

    # -- keeping -------------------------------------------------------------------------------------------------------

    async def save(self, connection: Any, copy: Any) -> None:
        """Note where all lanes stand."""
        narrow_last = sorted(self.all(), key=lambda lane: -2 if lane.place is None else lane.place[1])
        await rows.save_positions(connection, narrow_last, copy)
        live = {(lane.place[0], shard) for lane in self.apart if lane.place is not None for shard in lane.shards}
        if gone := self._ended - live:
            await rows.drop_positions(connection, gone)
        self._ended = set()


def _narrower(place: Place, other: Place | None) -> bool:
    """Whether what goes to a place is part of what a lane for another one reads."""
    return other is None or (other[1] == -1 and other[0] == place[0] and place[1] >= 0)
