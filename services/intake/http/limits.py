"""How often one address may use what is open to everybody."""

import time
from collections import OrderedDict
from collections.abc import Callable

from services.intake.domain.admission import Bucket
from shared.runtime.web.addresses import network_of

_REMEMBERED = 20_000


class AddressLimits:
    """A token bucket per address, IPv6 by its /64; forgets who has been silent longest."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def wait(self, address: str | None) -> float:
        """Seconds until this address may send again; 0.0: now. An unknown address shares one bucket with its like."""
        name = network_of(address)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(rate=self._rate, burst=self._burst)
            if len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket.wait(self._clock())
