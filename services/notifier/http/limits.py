"""How often one private link may be used to send something (promises.md T25)."""

import time
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 10_000


class LinkLimits:
    """A token bucket per link: `burst` at once, then `rate` per second. Forgets who has been silent longest."""

    def __init__(self, *, rate: float = 0.1, burst: float = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, token: str) -> float:
        """Seconds until this link may send again; 0.0: now."""
        now = self._clock()
        left, since = self._buckets.pop(token, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        taken = left >= 1
        self._buckets[token] = (left - 1 if taken else left, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate
