"""What the relay reads as one."""

import time
from dataclasses import dataclass

from shared.runtime.relay.window import Window

Place = tuple[str, int]
"""Topic and partition; partition -1: a topic that is not there."""


@dataclass(slots=True, eq=False)
class Lane:
    """The main stream, or something beside it that stands still or has to catch up.

    Attributes:
        shards: what it reads.
        window: how far it has come.
        limit: rows a round; fewer while one is looked for that the broker does not take.
        place: the topic and partition it is for; None: every topic.
        parent: the lane it was set apart from and will join; None for those that read every topic.
        error: why it stands still.
    """

    shards: set[int]
    window: Window
    limit: int
    place: Place | None = None
    parent: "Lane | None" = None
    error: str = ""
    failures: int = 0
    not_before: float = 0.0

    @property
    def topic(self) -> str | None:
        """The one topic it reads; None: all."""
        return self.place[0] if self.place else None

    @property
    def depth(self) -> int:
        """How many lanes it was set apart from."""
        return 0 if self.parent is None else self.parent.depth + 1

    def due(self) -> bool:
        """Whether it may try now."""
        return time.monotonic() >= self.not_before

    def rest(self, error: str) -> None:
        """It failed: try again after a growing pause, at most every 10 s."""
        self.error = error
        self.failures += 1
        self.not_before = time.monotonic() + min(0.1 * 2 ** min(self.failures - 1, 7), 10.0)

    def went_well(self, most: int) -> None:
        """It published something."""
        self.failures, self.not_before, self.error = 0, 0.0, ""
        self.limit = min(self.limit * 2, most)


def shards_at(shards: set[int], partition: int, partitions: int) -> set[int]:
    """Those of the shards that go to a partition; all of them for a topic that is not there."""
    if partition < 0:
        return set(shards)
    return {shard for shard in shards if shard % partitions == partition}


def partition_of(shard: int, partitions: int) -> int:
    """The partition a shard goes to: the one partitioner of everything that publishes."""
    return shard % partitions
