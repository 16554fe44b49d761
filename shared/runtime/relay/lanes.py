"""All lanes of one relay: which rows each reads, how they part and come together again.

Each topic of a shard is read by exactly one lane: the deepest of those that are for it. A lane is set apart from the one
that reads the rows at that moment, which leaves them to it from then on, and joins it when it has come as far.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

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
        groups: dict[tuple[Any, ...], Lane] = {}
        whole: dict[int, Lane] = {}
        for topic, shard, window in await rows.positions(connection, free):
            parent = whole[shard] if topic else None
            key = topic, window.high, tuple(window.open), parent
            lane = groups.get(key)
            if lane is None:
                lane = groups[key] = Lane(set(), window, self._batch, (topic, -1) if topic else None, parent)
            lane.shards.add(shard)
            if not topic:
                whole[shard] = lane
        self.apart += groups.values()
        if not self.main.shards:
            self._promote()

    # -- what a lane reads ---------------------------------------------------------------------------------------------

    def _children(self, lane: Lane) -> list[Lane]:
        return [other for other in self.apart if other.parent is lane]

    def _base(self, lane: Lane) -> Lane:
        """The lane it joins when it has caught up."""
        return lane.parent or self.main

    def beside(self, lane: Lane) -> list[tuple[str, int]]:
        """Topics and shards that are read apart from this lane."""
        if not self.apart:
            return []
        return sorted({(c.place[0], shard) for c in self._children(lane) if c.place for shard in c.shards})

    def bound(self, lane: Lane) -> int | None:
        """How far it reads: not beyond the stream it left, so that it can join it; None: as far as there is."""
        return None if lane is self.main else self._base(lane).window.high

    # -- parting and joining -------------------------------------------------------------------------------------------

    def of(self, lane: Lane, place: Place, shard: int) -> Lane:
        """The lane that was set apart from this one for a place and reads this shard of it, or this one."""
        return next((c for c in self._children(lane) if c.place == place and shard in c.shards), lane)

    def set_apart(self, lane: Lane, place: Place, rows: Sequence[asyncpg.Record]) -> Lane:
        """Read what goes to a place in a lane of its own from now on.

        Args:
            lane: reads it now.
            place: where it goes.
            rows: what of it was seen and not published; at least one row.
        """
        target = self.of(lane, place, rows[0]["shard"])
        if target is lane and lane.place != place:
            taken = {shard for child in self._children(lane) if child.topic == place[0] for shard in child.shards}
            mine = shards_at(lane.shards, place[1], self.counts.get(place[0], 1)) - taken
            target = Lane(mine, lane.window.copy(), self._batch, place, lane)
            self.apart.append(target)
        ids = [row["id"] for row in rows]
        if target is not lane:
            lane.window.sent(ids)
        target.window.hold(ids)
        return target

    def merge(self, lane: Lane) -> bool:
        """Let a lane that has caught up join the stream it left; answers whether it did."""
        base = self._base(lane)
        if lane not in self.apart or lane.window.high < base.window.high:
            return False
        for number, mark in lane.window.open.items():
            base.window.open.setdefault(number, mark)
        self.apart.remove(lane)
        for child in self._children(lane):
            child.parent = base
        if lane.place is None:
            base.shards |= lane.shards
        else:
            self._ended |= {(lane.place[0], shard) for shard in lane.shards}
        return True

    def restart(self, place: Place, start: int, partitions: int) -> int:
        """Publish again what went to a place behind an id, in order, and then what follows; answers for how many shards.

        It begins earlier where something earlier is not settled, for no other lane reads these shards of the topic then.
        """
        topic, partition = place
        mine = shards_at(set(self.served), partition, partitions)
        readers = [lane for lane in self.all() if lane.topic in (None, topic) and lane.shards & mine]
        start = min([start, *(lane.window.low for lane in readers)])
        for lane in readers:
            if lane.place is None:
                self.apart.append(Lane(lane.shards & mine, Window(start), self._batch, place, lane))
            else:
                lane.shards -= mine
        self.apart = [lane for lane in self.apart if lane.shards]
        return len(mine)

    # -- keeping -------------------------------------------------------------------------------------------------------

    async def save(self, connection: Any, copy: Any) -> None:
        """Note where all lanes stand."""
        await rows.save_positions(connection, sorted(self.all(), key=_depth), copy)
        live = {(lane.place[0], shard) for lane in self.apart if lane.place is not None for shard in lane.shards}
        if gone := self._ended - live:
            await rows.drop_positions(connection, gone)
        self._ended = set()


def _depth(lane: Lane) -> int:
    return lane.depth
