"""The relay: publishes committed outbox rows in order per complaint and deletes them after the broker's answer.

It holds an advisory lock per shard on a connection of its own, so that of several copies of a service only one
publishes a shard. It reads unpublished rows, never "id greater than last seen": ids become visible in any order.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.kafka import make_producer, stop_producer
from shared.runtime.outbox import SHARDS
from shared.runtime.parcel import Parcel
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

_PACE = 0.03
"""Seconds from one round's begin to the next at least: under load more rows share a round, at rest nobody waits."""

_LOCK = "SELECT s FROM generate_series(0, $2 - 1) AS s WHERE pg_try_advisory_lock(hashtext('redress.relay.' || $1), s)"
_NEXT = """
SELECT id, shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers
FROM outbox WHERE shard = ANY ($1::smallint[]) ORDER BY id LIMIT $2
"""
_DELETE = "DELETE FROM outbox WHERE id = ANY ($1::bigint[])"
_AGE = """
SELECT count(*) AS depth, coalesce(extract(epoch FROM clock.now() - min(occurred_at)), 0)::float8 AS age
FROM (SELECT occurred_at FROM outbox ORDER BY id LIMIT 10000) AS oldest
"""


class Relay:
    """Publishes one service's outbox."""

    def __init__(
        self,
        database: Database,
        service: str,
        bootstrap: str,
        *,
        reached: Callable[[str], None] = lambda _: None,
        batch: int = 1_000,
    ) -> None:
        self._database = database
        self._service = service
        self._source = f"/{service}"
        self._bootstrap = bootstrap
        self._reached = reached
        self._batch = batch
        self._wake = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self.last_progress = time.monotonic()
        self.connected = False
        self.busy = False

    def wake(self) -> None:
        """Something was committed: look at once."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until told to stop; then once more, so that what is committed leaves before the process does."""
        pause = 0.1
        try:
            while not stop.is_set():
                try:
                    await self._serve(stop)
                    pause = 0.1
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    self.connected = False
                    log.warning(
                        "relay interrupted", extra={"action": "relay_retry", "error": safe_text(error), "pause": pause}
                    )
                    await _sleep_or(stop, pause * random.uniform(0.5, 1))  # noqa: S311  jitter, not a secret
                    pause = min(pause * 2, 10.0)
        finally:
            if self._producer is not None:
                await stop_producer(self._producer)

    async def _serve(self, stop: asyncio.Event) -> None:
        if self._producer is None:
            producer = make_producer(self._bootstrap, f"redress-{self._service}-relay")
            try:
                await producer.start()
            except BaseException:
                await stop_producer(producer, 1)
                raise
            self._producer = producer
        connection = await self._database.connect()
        try:
            await connection.execute("SET synchronous_commit = off; SET statement_timeout = 30000")
            shards: list[int] = []
            looked = 0.0
            self.connected = True
            while not stop.is_set():
                if len(shards) < SHARDS and time.monotonic() - looked > 2:
                    shards += [r["s"] for r in await connection.fetch(_LOCK, self._service, SHARDS)]
                    shards = sorted(set(shards))
                    looked = time.monotonic()
                self._wake.clear()
                began = time.monotonic()
                if not await self._publish_some(connection, shards):
                    await self._wait()
                    await asyncio.sleep(max(0.0, began + _PACE - time.monotonic()))
            while await self._publish_some(connection, shards):
                pass
        finally:
            connection.terminate() if connection.is_closed() else await connection.close(timeout=2)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _publish_some(self, connection: "asyncpg.Connection[Any]", shards: Sequence[int]) -> bool:
        """Publish a round; answers whether more may be waiting already."""
        rows = await connection.fetch(_NEXT, shards, self._batch)
        if not rows:
            self.last_progress = time.monotonic()
            return False
        self.busy = True  # stays so when the producer fails: that is what the watchdog looks for
        sent = await self._send(rows)
        self.busy = False
        self._reached(f"CP.{self._service}.relay_acked_before_delete")
        await connection.execute(_DELETE, sent)
        self.last_progress = time.monotonic()
        metrics.PUBLISHED.labels(self._service).inc(len(sent))
        return len(rows) == self._batch or len(sent) < len(rows)

    async def _send(self, rows: Sequence[asyncpg.Record]) -> list[int]:
        """Send one batch per partition and wait for the answers; answers the ids that are in the log now.

        What does not fit into its partition's batch stays for the next round: a second batch would wait for the first
        to leave, and give up waiting, while Kafka is away.
        """
        producer = self._producer
        assert producer is not None
        parcels: dict[tuple[str, int], Parcel] = {}
        counts: dict[str, int] = {}
        for row in rows:
            topic = row["topic"]
            if topic not in counts:
                counts[topic] = len(await producer.partitions_for(topic))
            place = topic, row["shard"] % counts[topic]
            parcel = parcels.get(place)
            if parcel is None:
                parcel = parcels[place] = Parcel(producer.create_batch(), self._source)
            parcel.add(row)
        futures = []
        for index, ((topic, partition), parcel) in enumerate(parcels.items()):
            futures.append(await producer.send_batch(parcel.batch, topic, partition=partition))
            if index == len(parcels) // 2:
                self._reached(f"CP.{self._service}.relay_mid_batch")
        await asyncio.gather(*futures)
        return [number for parcel in parcels.values() for number in parcel.ids]

    async def measure(self) -> None:
        """Set the gauges of age and depth."""
        row = await self._database.fetchrow(_AGE)
        if row is not None:
            metrics.OUTBOX_DEPTH.labels(self._service).set(row["depth"])
            metrics.OUTBOX_AGE.labels(self._service).set(max(0.0, row["age"]))


async def _sleep_or(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
