"""How often somebody may do something: token buckets, kept in the memory of this process and bounded in number.

Several copies of a service each have their own, so what is allowed in all is at most the limit times the copies.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache

_REMEMBERED = 20_000


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket: `rate` per second on average, `burst` at once. Time is a parameter, in seconds.

    What costs more than the bucket holds is let through when the bucket is full, and paid back afterwards.
    """

    rate: float
    burst: float
    level: float = field(default=math.inf)
    at: float = 0.0

    def wait(self, now: float, cost: float = 1.0) -> float:
        """Takes `cost` tokens: 0.0 when they were there, else the seconds until they will be, and nothing is taken."""
        self._fill(now)
        missing = min(cost, self.burst) - self.level
        if missing > 1e-9:
            return missing / self.rate
        self.level -= cost
        return 0.0

    def left(self, now: float) -> int:
        """Whole tokens there now."""
        self._fill(now)
        return max(0, int(self.level + 1e-9))

    def until_full(self, now: float) -> float:
        """Seconds until everything is there again that may be spent at once."""
        self._fill(now)
        return (self.burst - self.level) / self.rate

    def give_back(self, cost: float = 1.0) -> None:
        """What was taken was not used after all."""
        self.level = min(self.burst, self.level + cost)

    def _fill(self, now: float) -> None:
        self.level = min(self.burst, self.level + max(0.0, now - self.at) * self.rate)
        self.at = now


class Rates:
    """A bucket per subject; forgets who has been silent longest."""

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        remembered: int = _REMEMBERED,
    ) -> None:
        self._rate, self._burst = rate, max(1.0, burst)
        self._clock = clock
        self._remembered = remembered
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def __len__(self) -> int:
        """Subjects that are remembered."""
        return len(self._buckets)

    def wait(self, subject: Hashable, cost: float = 1.0) -> float:
        """Seconds until the subject may do it; 0.0: now, and it is counted."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            bucket = self._buckets[subject] = Bucket(rate=self._rate, burst=self._burst)
            if len(self._buckets) > self._remembered:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(subject)
        return bucket.wait(self._clock(), cost)

    def give_back(self, subject: Hashable) -> None:
        """What was counted did not happen."""
        if bucket := self._buckets.get(subject):
            bucket.give_back()


def retry_after(seconds: float) -> dict[str, str]:
    """The header of a 429: whole seconds, rounded up, so that it is true."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def rate_headers(name: str, bucket: Bucket, now: float) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11) of a bucket.

    `q` is what may be spent at once and `w` the seconds in which an empty bucket fills; `r` is what is left now and `t`
    the seconds until all of it is there again.
    """
    left = f'"{name}";r={bucket.left(now)};t={math.ceil(bucket.until_full(now))}'
    return [_policy(name, bucket.rate, bucket.burst), (b"ratelimit", left.encode())]


@lru_cache(maxsize=1_000)
def _policy(name: str, rate: float, burst: float) -> tuple[bytes, bytes]:
    window = max(1, math.ceil(burst / rate))
    return b"ratelimit-policy", b'"%b";q=%d;w=%d' % (name.encode(), burst, window)
