"""How far a reader has come, asked from the broker: true lag, partitions nobody reads, partitions that stand still.

A client remembers the log's end from its last fetch, so what it does not fetch has no lag in its own eyes.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.group_coordinator import ConsumerProtocol
from aiokafka.protocol.admin import DescribeGroupsRequest

from shared.runtime import metrics
from shared.runtime.errors import safe_text

log = logging.getLogger(__name__)

_PATIENCE = 5.0
STILL_AFTER = 20.0
"""Seconds without a step before a partition with records to read counts as standing still."""
UNREAD_AFTER = 20.0
"""Seconds without a reader before a partition counts as unread: longer than any rebalance takes."""


class Reach:
    """One reader's view of its topics.

    Attributes:
        still: partitions of ours with records to read that have not moved, and since when (`time.monotonic`).
        missing: wanted topics that Kafka does not have.
        unread: partitions of wanted topics that no copy has, and since when.
        answered: when the broker last answered (`time.monotonic`); 0: never.
        copies: members of the group, this one among them, as of the last look.
    """

    def __init__(self, service: str, topics: Iterable[str]) -> None:
        self._service = service
        self._topics = tuple(topics)
        self._steps: dict[TopicPartition, tuple[int, float]] = {}
        self._shown: set[TopicPartition] = set()
        self.still: dict[TopicPartition, float] = {}
        self.missing: frozenset[str] = frozenset()
        self.unread: dict[TopicPartition, float] = {}
        self.answered = 0.0
        self.copies = 1

    @property
    def left_alone(self) -> list[TopicPartition]:
        """Partitions that have been without a reader for too long."""
        now = time.monotonic()
        return sorted(partition for partition, since in self.unread.items() if now - since >= UNREAD_AFTER)

    async def measure(self, client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int], *, busy: bool) -> None:
        """Ask the broker for the logs' ends and the group's members, and set the gauges.

        Args:
            reached: the next offset of each partition that is read here.
            busy: whether a batch is being processed; what waits behind it does not stand still.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                ours = client.assignment()
                numbers = {topic: client._client.cluster.partitions_for_topic(topic) or () for topic in self._topics}
                if not any(numbers.values()) and client._coordinator.coordinator_id is None:
                    return  # Kafka has told nothing yet, not that there is nothing
                self.missing = frozenset(topic for topic, found in numbers.items() if not found)
                there = [TopicPartition(topic, number) for topic, found in numbers.items() for number in found]
                ends = await client.end_offsets(there) if there else {}
                owned = await self._owned(client)
                alone = [p for p in there if owned is not None and p not in owned and p not in ours]
                committed = {p: await client.committed(p) or 0 for p in alone}
        except Exception as error:
            log.debug("reach cannot be measured", extra={"action": "reach", "error": safe_text(error)})
            return
        now = self.answered = time.monotonic()
        if owned is not None:
            self.unread = {p: self.unread.get(p, now) for p in alone}
        for topic in self._topics:
            metrics.UNREAD.labels(self._service, topic).set(sum(p.topic == topic for p in alone))
        places = {p: reached[p] for p in ours if p in reached} | committed
        self._show({p: max(0, ends[p] - place) for p, place in places.items() if p in ends})
        self._look_for_still_ones({p: (place, ends.get(p, 0)) for p, place in places.items() if p in ours}, now, busy)

    async def others(self, client: AIOKafkaConsumer) -> bool:
        """Whether the group has other members now; as of the last look when the broker does not say so within a second."""
        with suppress(Exception):
            async with asyncio.timeout(1):
                await self._owned(client)
        return self.copies > 1

    def _show(self, lag: Mapping[TopicPartition, int]) -> None:
        for partition in self._shown - lag.keys():
            metrics.LAG.remove(self._service, partition.topic, partition.partition)
        for partition, records in lag.items():
            metrics.LAG.labels(self._service, partition.topic, partition.partition).set(records)
        self._shown = set(lag)

    def _look_for_still_ones(self, places: Mapping[TopicPartition, tuple[int, int]], now: float, busy: bool) -> None:
        steps: dict[TopicPartition, tuple[int, float]] = {}
        for partition, (place, end) in places.items():
            before, since = self._steps.get(partition, (place, now))
            moved = busy or place != before or place == end
            steps[partition] = (place, now if moved else since)
        self._steps = steps
        self.still = {partition: since for partition, (_, since) in steps.items() if now - since >= STILL_AFTER}

    async def _owned(self, client: AIOKafkaConsumer) -> set[TopicPartition] | None:
        """The partitions that members of the group have; none while they are being shared out."""
        coordinator = client._coordinator
        if coordinator.coordinator_id is None:
            return None
        answer = await client._client.send(coordinator.coordinator_id, DescribeGroupsRequest([coordinator.group_id]))
        error, _, state, _, _, members = answer.groups[0][:6]
        if not error:
            self.copies = len(members)
        if error or state != "Stable":
            return None
        owned: set[TopicPartition] = set()
        for member in members:
            if member[4]:
                owned.update(ConsumerProtocol.ASSIGNMENT.decode(member[4]).partitions())
        return owned
