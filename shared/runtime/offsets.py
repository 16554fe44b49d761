"""The offsets a consumer has worked off and has still to commit.

A commit is a request and a record in Kafka; one per small batch costs as much as the batch. Under load one per second
is enough, because the inbox makes what a crash lets come again harmless; at rest, before partitions are given away and
before the process ends, everything is committed.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime import metrics
from shared.runtime.decode import Record
from shared.runtime.errors import safe_text

log = logging.getLogger(__name__)

_EVERY = 1.0
_PATIENCE = 5.0
"""Seconds a commit may take. While Kafka is away the client would wait for as long, and so would polling and stopping."""


class Offsets:
    """Where one consumer stands.

    Attributes:
        reached: the next offset by (topic, partition), applied but perhaps not committed yet.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._open: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self.reached: dict[tuple[str, int], int] = {}

    def note(self, records: Sequence[Record]) -> None:
        """These records are worked off: their transaction has committed."""
        for record in records:
            self.reached[record.topic, record.partition] = record.offset + 1
            self._open[TopicPartition(record.topic, record.partition)] = record.offset + 1

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
        self._open = {}
        self._committed_at = time.monotonic()
        try:
            if ends:
                async with asyncio.timeout(_PATIENCE):
                    await client.commit(ends)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._open = ends | self._open
            metrics.COMMIT_FAILURES.labels(self._service).inc()
            log.info("offset commit refused", extra={"action": "offset_commit", "error": safe_text(error)})
