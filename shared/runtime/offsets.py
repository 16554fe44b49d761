"""The offsets a consumer has worked off and has still to commit.

A commit is a request and a record in Kafka; one per small batch costs as much as the batch. Under load one per second
is enough, because the inbox makes what a crash lets come again harmless; at rest, before partitions are given away and
before the process ends, everything is committed. The database knows a position before Kafka does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.positions import Ends

log = logging.getLogger(__name__)

_EVERY = 1.0
_PATIENCE = 5.0
"""Seconds a commit may take. While Kafka is away the client would wait for as long, and so would polling and stopping."""


class Offsets:
    """Where one consumer stands.

    Attributes:
        reached: the next offset by partition, applied but perhaps not committed yet.
    """

    def __init__(self, service: str, save: Callable[[Ends], Awaitable[None]]) -> None:
        self._service = service
        self._save = save
        self._open: dict[TopicPartition, int] = {}
        self._unsaved: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self.reached: dict[TopicPartition, int] = {}

    def placed(self, starts: Mapping[TopicPartition, int]) -> None:
        """Partitions were assigned and are read from these offsets."""
        for partition, offset in starts.items():
            self.reached[partition] = offset
            self._open.pop(partition, None)
            self._unsaved.pop(partition, None)

    def note(self, ends: Ends, *, saved: bool) -> None:
        """Everything before these positions is worked off; `saved` tells whether a transaction has stored them."""
        for topic, number, offset, moment in zip(*ends, strict=True):
            partition = TopicPartition(topic, number)
            self.reached[partition] = self._open[partition] = offset
            if saved:
                self._unsaved.pop(partition, None)
            else:
                self._unsaved[partition] = moment

    async def commit_in_time(self, client: AIOKafkaConsumer | None) -> None:
        """Commit what is open, unless that was done within the last second."""
        if time.monotonic() - self._committed_at >= _EVERY:
            await self.commit(client)

    async def commit(self, client: AIOKafkaConsumer | None) -> None:
        """Commit exactly what the transactions covered.

        A refusal is counted and tried again with what comes; until then the inbox covers a redelivery. Partitions that
        were taken away meanwhile are left out: one of them would make the client refuse all.
        """
        if client is None or not self._open:
            return
        ours = client.assignment()
        ends = {partition: end for partition, end in self._open.items() if partition in ours}
        unsaved = {partition: moment for partition, moment in self._unsaved.items() if partition in ends}
        self._open, self._unsaved = {}, {}
        self._committed_at = time.monotonic()
        try:
            if ends:
                async with asyncio.timeout(_PATIENCE):
                    if unsaved:
                        rows = [(p.topic, p.partition, ends[p], unsaved[p]) for p in sorted(unsaved)]
                        await self._save(tuple(map(list, zip(*rows, strict=True))))  # type: ignore[arg-type]
                    await client.commit(ends)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._open = ends | self._open
            self._unsaved = unsaved | self._unsaved
            metrics.COMMIT_FAILURES.labels(self._service).inc()
            log.info("offset commit refused", extra={"action": "offset_commit", "error": safe_text(error)})
