"""The watchdog: ends the process when something that should progress does not, so that the supervisor starts it anew.

aiokafka has open faults that stop a producer or a consumer for ever without an error (aiokafka #1017, #1154). A group
that has left a partition to nobody is mended without ending anything.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.runtime.consumer import Consumer
from shared.runtime.errors import safe_text
from shared.runtime.kafka_access import KafkaAccess, client_of
from shared.runtime.relay import Relay

log = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h; the supervisor shows it as "watchdog"."""
_LOOK_EVERY = 5.0
_REJOIN_EVERY = 60.0
_PATIENCE = 5.0
_GRACE = 20.0
"""Seconds a broker has to have answered before what does not progress is taken for stuck."""


class Watchdog:
    """Looks every few seconds whether relay and consumer get on."""

    def __init__(
        self,
        bootstrap: KafkaAccess | str,
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
        self._answers_since: float | None = None

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
            if stuck is None or not await self.broker_answers():
                self._answers_since = None
                continue
            now = time.monotonic()
            self._answers_since = self._answers_since or now
            if now - self._answers_since < min(_GRACE, self._limit):
                continue  # the broker may have come back a moment ago: what waited for it needs that moment too
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
        """What has not progressed for too long: `relay`, `outbox`, `consumer`, `partition` or nothing."""
        if self._relay.busy and now - self._relay.last_progress > self._limit:
            return "relay"
        if self._relay.overlooked > self._limit:
            return "outbox"
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

    async def broker_answers(self) -> bool:
        """Whether a broker answers a client that is not one of ours that may hang.

        A connection is no answer: the kernel accepts it for a broker that is frozen, and ending a process then takes
        its HTTP away for nothing.
        """
        client = None
        try:
            client = AIOKafkaClient(**client_of(self._bootstrap), client_id="redress-watchdog")
            async with asyncio.timeout(_PATIENCE):
                await client.bootstrap()
            return True
        except (OSError, TimeoutError, KafkaError):
            return False
        finally:
            if client is not None:
                await client.close()
