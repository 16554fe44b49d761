"""The watchdog: ends the process when something that should progress does not, so that the supervisor starts it anew.

aiokafka has open faults that stop a producer or a consumer for ever without an error (aiokafka #1017, #1154). A group
that has left a partition to nobody is mended without ending anything.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from shared.runtime.consumer import Consumer
from shared.runtime.errors import safe_text
from shared.runtime.relay import Relay

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h; the supervisor shows it as "watchdog"."""
_LOOK_EVERY = 5.0
_REJOIN_EVERY = 60.0


class Watchdog:
    """Looks every few seconds whether relay and consumer get on."""

    def __init__(
        self,
        bootstrap: str,
        relay: Relay,
        consumer: Consumer | None,
        limit: float,
        fail: Callable[[str], None],
    ) -> None:
        self._bootstrap = bootstrap
        self._relay = relay
        self._consumer = consumer
        self._limit = limit
        self._fail = fail
        self._rejoined = -_REJOIN_EVERY

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(min(_LOOK_EVERY, self._limit / 4)):
                    await stop.wait()
                return
            except TimeoutError:
                pass
            await self.look()
            stuck = self.stuck(time.monotonic())
            if stuck and await self._broker_answers():
                log.critical("no progress", extra={"action": "watchdog_exit", "what": stuck})
                self._fail(stuck)
                return

    async def look(self) -> None:
        """Measure how far the reader has come; join its group anew when that leaves partitions to nobody."""
        consumer = self._consumer
        if consumer is None or consumer.client is None:
            return
        await consumer.reach.measure(consumer.client, consumer.offsets.reached, busy=consumer.working)
        alone, now = consumer.reach.left_alone, time.monotonic()
        if alone and consumer.seat is not None and consumer.client is not None and not consumer.working:
            if now - self._rejoined < _REJOIN_EVERY:
                return
            self._rejoined = now
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await consumer.seat.take_anew(consumer.client, "partitions_without_reader")
            except Exception as error:
                log.warning("rejoin failed", extra={"action": "reader_rejoin", "error": safe_text(error)})

    def stuck(self, now: float) -> str | None:
        """What has not progressed for too long: `relay`, `consumer`, `partition` or nothing."""
        if self._relay.busy and now - self._relay.last_progress > self._limit:
            return "relay"
        consumer = self._consumer
        if consumer is None or consumer.client is None or consumer.working:
            return None
        if now - max(consumer.last_poll, consumer.last_progress) > self._limit:
            return "consumer"
        told = consumer.stumbles.unreadable
        still = any(
            now - since > self._limit for partition, since in consumer.reach.still.items() if partition not in told
        )
        return "partition" if still else None

    async def _broker_answers(self) -> bool:
        host, _, port = self._bootstrap.split(",")[0].rpartition(":")
        try:
            async with asyncio.timeout(3):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return True
        except (OSError, TimeoutError, ValueError):
            return False
