"""How often the progress pages may be used: each link (promises.md T25), each address, and all together."""

import time
from collections.abc import Callable

from services.notifier.settings import Settings
from shared.runtime.web.addresses import network_of
from shared.runtime.web.rates import Rates

_LINK_RATE, _LINK_BURST = 0.1, 20.0


class PageLimits:
    """Reading and sending, counted apart."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        reads, sends = settings.notifier_read_rate, settings.notifier_send_rate
        self._links = Rates(_LINK_RATE, _LINK_BURST, clock=clock)
        self._reads = Rates(reads, reads * 10, clock=clock)
        self._all_reads = Rates(reads * 10, reads * 100, clock=clock)
        self._sends = Rates(sends, sends * 20, clock=clock)
        self._all_sends = Rates(sends * 10, sends * 200, clock=clock)

    def read(self, address: str | None) -> float:
        """Seconds until this address may look at a page; 0.0: now, and it is counted."""
        return self._reads.wait(network_of(address)) or self._all_reads.wait("all")

    def send(self, address: str | None, token: str) -> float:
        """Seconds until something may be sent from this address through this link; 0.0: now, and it is counted."""
        return self._links.wait(token[:64]) or self._sends.wait(network_of(address)) or self._all_sends.wait("all")
