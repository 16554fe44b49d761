"""Whether events wait in the outbox although nothing is on its way and nothing explains it: a fault of this code."""

import time


class Overlooked:
    """Looks at every measurement.

    Attributes:
        seconds: for how long it has been so, as of the last look; 0: all is well.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = time.monotonic()
        self._landed = 0

    def look(self, waiting: int, landed: int, *, explained: bool) -> None:
        """Take in a measurement.

        Args:
            waiting: events of our shards in the outbox.
            landed: how many the broker has taken since the start.
            explained: whether something is on its way, stands apart for a reason that is told, is left to old code, or we
                are not connected.
        """
        now = time.monotonic()
        if not waiting or explained or landed != self._landed:
            self._since = now
        self._landed = landed
        self.seconds = now - self._since
