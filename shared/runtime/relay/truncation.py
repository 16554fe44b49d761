"""A log that has lost its tail, or was made anew, is filled again from the outbox.

The relay knows the offsets the broker acknowledged. A log that ends before them, or that gives one of them a second
time, has lost what was behind. Then everything from there on is published again, in order, with what was published since
the loss. So the copy of a record that lay at offset j lies at j or behind it: a reader who stood anywhere in the old log
meets all that it has not seen, and its inbox drops the rest. (The argument needs an outbox that reaches back to the
loss; for a topic that was made anew after `OUTBOX_DAYS` of life, `redress recover` moves the readers back.)
"""

import asyncio
import logging
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.pg import Database
from shared.runtime.relay import rows
from shared.runtime.relay.lane import Place
from shared.runtime.relay.lanes import Lanes

log = logging.getLogger(__name__)

_PATIENCE = 20.0
_SURVIVORS = 3_000
"""Records before the loss that are looked up. The oldest of them counts: copies of others may be among them already."""
_TOLD_FOR = 3_600.0

_START = """
WITH survivor AS (SELECT id, occurred_at FROM outbox WHERE topic = $1 AND event_id = ANY ($2::uuid[]) ORDER BY id LIMIT 1)
SELECT least(s.id, (SELECT min(o.id) FROM outbox o WHERE o.occurred_at >= s.occurred_at - interval '15 minutes')) - 1
FROM survivor s
"""
"""Rows that became visible late were published behind younger ones: no transaction of ours lasts a quarter of an hour."""
_NOTED = """
INSERT INTO relay_partition AS p (topic, partition, acked, truncations, again_from, noticed_at)
VALUES ($1, $2, $3, 1, $4, clock.now())
ON CONFLICT (topic, partition) DO UPDATE
SET acked = $3, truncations = p.truncations + 1, again_from = $4, noticed_at = clock.now()
RETURNING truncations
"""


_PLACED = """
INSERT INTO relay_position AS p (topic, shard, low, high)
SELECT $1, s, $3::bigint, $3::bigint FROM generate_series(0, 15) AS s WHERE s % $4 = $2
ON CONFLICT (topic, shard) DO UPDATE
SET low = least(p.low, excluded.low), high = least(p.low, excluded.low), open = '{}'
"""
"""Whoever publishes these shards next begins there, even if all copies die now."""


class Truncations:
    """What one relay knows of the ends of logs.

    Attributes:
        told: partition → what happened, for an hour.
    """

    def __init__(self, database: Database, service: str, bootstrap: str) -> None:
        self._database = database
        self._service = service
        self._bootstrap = bootstrap
        self._ends: dict[Place, int] = {}
        self._unsaved: dict[Place, int] = {}
        self._seen: dict[Place, int] = {}
        self._searches: dict[Place, asyncio.Task[int]] = {}
        self._told: dict[Place, tuple[float, int]] = {}

    @property
    def told(self) -> dict[str, str]:
        """Truncations of the last hour, by partition."""
        recent = time.monotonic() - _TOLD_FOR
        return {
            f"{topic}[{partition}]": f"lost its tail from offset {offset} on; published again from the outbox"
            for (topic, partition), (at, offset) in self._told.items()
            if at > recent
        }

    async def begin(self, connection: Any) -> None:
        """Compare what was acknowledged before with the logs as they are."""
        known = await rows.acked(connection)
        self._ends = {place: one.end for place, one in known.items()}
        self._seen = {place: one.truncations for place, one in known.items()}
        self._unsaved = {}
        try:
            ends = await ends_of(self._bootstrap, list(known))
        except Exception as error:
            log.warning("ends of logs not read", extra={"action": "ends_retry", "error": safe_text(error)})
            return
        for place, end in ends.items():
            if end < self._ends[place]:
                self._lost(place, end, end)

    def stop(self) -> None:
        """Search no more; what was lost is noticed again at the next begin."""
        searches, self._searches = self._searches, {}
        for search in searches.values():
            search.cancel()

    def note(self, place: Place, offset: int, count: int) -> None:
        """The broker has acknowledged so many records from an offset on."""
        if offset < 0:
            return  # a repetition of which the broker no longer knows where it lies
        end = offset + count
        if offset < self._ends.get(place, 0):
            self._lost(place, offset, end)
        else:
            self._ends[place] = self._unsaved[place] = end

    def _lost(self, place: Place, offset: int, end: int) -> None:
        topic, partition = place
        log.critical(
            "a log has lost its tail; what it held is published again",
            extra={
                "action": "truncation",
                "topic": topic,
                "partition": partition,
                "offset": offset,
                "acknowledged": self._ends.get(place),
            },
        )
        metrics.TRUNCATIONS.labels(self._service, topic, str(partition)).inc()
        self._ends[place] = end
        self._unsaved.pop(place, None)
        self._told[place] = time.monotonic(), offset
        if place not in self._searches:
            self._searches[place] = asyncio.create_task(self._find_start(place, offset))

    async def save(self, connection: Any) -> None:
        """Keep the acknowledged ends."""
        unsaved, self._unsaved = self._unsaved, {}
        await rows.save_acked(connection, {p: end for p, end in unsaved.items() if p not in self._searches})

    async def mend(self, connection: Any, lanes: Lanes) -> None:
        """Start publishing again where it is known from which row on."""
        for place, search in list(self._searches.items()):
            if not search.done() or search.cancelled():
                continue
            if search.exception() is not None:
                log.warning(
                    "survivors not read",
                    extra={"action": "truncation_retry", "error": safe_text(search.exception())},  # type: ignore[arg-type]
                )
                self._searches[place] = asyncio.create_task(self._find_start(place, self._told[place][1]))
                continue
            del self._searches[place]
            start, end = search.result(), self._ends[place]
            partitions = await self._partitions(place[0], lanes)
            async with connection.transaction():
                await connection.execute(_PLACED, *place, start, partitions)
                self._seen[place] = await connection.fetchval(_NOTED, *place, end, start)
            self._again(place, start, lanes, partitions)

    async def learn(self, connection: Any, lanes: Lanes) -> None:
        """Follow what another copy has noticed, or an operator has asked for."""
        for place, one in (await rows.acked(connection)).items():
            if one.truncations > self._seen.get(place, 0) and place not in self._searches:
                self._seen[place] = one.truncations
                self._ends[place] = min(self._ends.get(place, one.end), one.end)
                self._again(place, one.again_from or 0, lanes, await self._partitions(place[0], lanes))

    async def _partitions(self, topic: str, lanes: Lanes) -> int:
        return lanes.counts.get(topic) or await partitions_of(self._bootstrap, topic)

    def _again(self, place: Place, start: int, lanes: Lanes, partitions: int) -> None:
        shards = lanes.restart(place, start, partitions)
        log.warning(
            "publishing again",
            extra={"action": "publish_again", "topic": place[0], "partition": place[1], "row": start, "shards": shards},
        )

    async def _find_start(self, place: Place, offset: int) -> int:
        """The id behind which everything is published again."""
        ids = await survivors(self._bootstrap, place, offset)
        start: int | None = await self._database.fetchval(_START, place[0], ids) if ids else None
        return start or 0


async def ends_of(bootstrap: str, places: list[Place]) -> dict[Place, int]:
    """Where logs end; partitions that are not there are missing."""
    if not places:
        return {}
    async with asyncio.timeout(_PATIENCE):
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            there = [TopicPartition(*place) for place in places if await _exists(consumer, place)]
            ends = await consumer.end_offsets(there) if there else {}
            return {(partition.topic, partition.partition): end for partition, end in ends.items()}
        finally:
            await consumer.stop()


async def partitions_of(bootstrap: str, topic: str) -> int:
    """How many partitions a topic has; 1 when it is not there."""
    async with asyncio.timeout(_PATIENCE):
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            await _exists(consumer, (topic, 0))
            return len(consumer._client.cluster.partitions_for_topic(topic) or ()) or 1
        finally:
            await consumer.stop()


async def _exists(consumer: AIOKafkaConsumer, place: Place) -> bool:
    topic, partition = place
    await consumer._client.add_topic(topic)
    return partition in (consumer._client.cluster.partitions_for_topic(topic) or ())


async def survivors(bootstrap: str, place: Place, offset: int) -> list[str]:
    """Event ids of the last records before an offset."""
    partition = TopicPartition(*place)
    found: list[str] = []
    async with asyncio.timeout(_PATIENCE):
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            if not await _exists(consumer, place):
                return []
            consumer.assign([partition])
            begin = (await consumer.beginning_offsets([partition]))[partition]
            end = min(offset, (await consumer.end_offsets([partition]))[partition])
            at = max(begin, end - _SURVIVORS)
            consumer.seek(partition, at)
            while at < end:
                batch = (await consumer.getmany(partition, timeout_ms=500)).get(partition, ())
                for record in batch:
                    if record.offset < end:
                        found += [
                            bytes(value).decode("ascii", "replace")
                            for name, value in record.headers
                            if name == "ce_id" and value
                        ]
                at = await consumer.position(partition)
        finally:
            await consumer.stop()
    return [text for text in found if len(text) == 36]
