"""The watchdog: ends the process when something that should progress does not, so that the supervisor starts it anew.

aiokafka has open faults that stop a producer or a consumer for ever without an error (aiokafka #1017, #1154).
"""

import asyncio
import logging
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer

from shared.runtime import metrics
from shared.runtime.consumer import Consumer
from shared.runtime.relay import Relay

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h; the supervisor shows it as "watchdog"."""


class Watchdog:
    """Looks every few seconds whether relay and consumer get on."""

    def __init__(
        self,
        service: str,
        bootstrap: str,
        relay: Relay,
        consumer: Consumer | None,
        limit: float,
        fail: Callable[[str], None],
    ) -> None:
        self._service = service
        self._bootstrap = bootstrap
        self._relay = relay
        self._consumer = consumer
        self._limit = limit
        self._fail = fail

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(min(10.0, self._limit / 4)):
                    await stop.wait()
                return
            except TimeoutError:
                pass
            self._measure_lag()
            stuck = self.stuck(time.monotonic())
            if stuck and await self._broker_answers():
                metrics.WATCHDOG.labels(self._service, stuck).inc()
                log.critical("no progress", extra={"action": "watchdog_exit", "what": stuck})
                self._fail(stuck)
                return

    def stuck(self, now: float) -> str | None:
        """What has not progressed for too long: `relay`, `consumer` or nothing."""
        if self._relay.busy and now - self._relay.last_progress > self._limit:
            return "relay"
        consumer = self._consumer
        if consumer is None or consumer.client is None or consumer.working:
            return None
        polled_long_ago = now - max(consumer.last_poll, consumer.last_progress) > self._limit
        return "consumer" if polled_long_ago else None

    def _measure_lag(self) -> None:
        consumer = self._consumer
        client: AIOKafkaConsumer | None = consumer.client if consumer else None
        if client is None:
            return
        for partition in client.assignment():
            end = client.highwater(partition)
            reached = consumer.offsets.reached.get((partition.topic, partition.partition)) if consumer else None
            if end is not None and reached is not None:
                metrics.LAG.labels(self._service, partition.topic, partition.partition).set(max(0, end - reached))

    async def _broker_answers(self) -> bool:
        host, _, port = self._bootstrap.split(",")[0].rpartition(":")
        try:
            async with asyncio.timeout(3):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return True
        except (OSError, TimeoutError, ValueError):
            return False
