"""Asks Kafka how far the services have read the records of one complaint, and the services whether they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from deploy.where.standstill import Place
from shared.runtime.outbox import key_of, shard_of

Position: TypeAlias = tuple[str, str, int]
"""Topic, service, partition."""
_PATIENCE = 8.0
_LOOKED_THROUGH = 50_000
"""Records that are looked through for a complaint's own, at most."""


async def places_of(
    bootstrap: str, complaint_id: UUID, pairs: Sequence[tuple[str, str]], positions: Mapping[Position, int]
) -> list[Place] | None:
    """How far each (topic, service) is; None when Kafka does not answer.

    A topic that is not there has no place.

    Args:
        positions: the next offset of each reader as its own database knows it; where it does not, Kafka is asked.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, request_timeout_ms=5_000)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        async with asyncio.timeout(_PATIENCE):
            await consumer.start()
            await admin.start()
            counts = await _partitions(admin, {topic for topic, _ in pairs})
            places = []
            for topic, service in pairs:
                if topic in counts:
                    partition = TopicPartition(topic, shard_of(complaint_id) % counts[topic])
                    known = positions.get((topic, service, partition.partition))
                    places.append(await _place(consumer, admin, key_of(complaint_id), service, partition, known))
            return places
    except (KafkaError, OSError, TimeoutError):
        return None
    finally:
        for client in (consumer.stop, admin.close):
            await _quietly(client())


async def _partitions(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, int]:
    described = await admin.describe_topics(sorted(topics)) if topics else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["partitions"]}


async def _place(
    consumer: AIOKafkaConsumer,
    admin: AIOKafkaAdminClient,
    key: bytes,
    service: str,
    partition: TopicPartition,
    known: int | None,
) -> Place:
    group = f"redress.{service}"
    position = await _committed(admin, group, partition) if known is None else known
    ends = await consumer.end_offsets([partition])
    begins = await consumer.beginning_offsets([partition])
    start = max(position, begins[partition])
    before = await _before(consumer, partition, start, ends[partition], key)
    return Place(
        topic=partition.topic,
        service=service,
        partition=partition.partition,
        lag=max(0, ends[partition] - start),
        before=before,
        read=await _is_read(admin, group),
    )


async def _committed(admin: AIOKafkaAdminClient, group: str, partition: TopicPartition) -> int:
    """The next offset a group reads; 0 when it never read."""
    try:
        found = (await admin.list_consumer_group_offsets(group, partitions=[partition])).get(partition)
    except GroupCoordinatorNotAvailableError:
        return 0  # a broker on which nobody ever read anything
    return 0 if found is None else max(0, int(found.offset))


async def _before(
    consumer: AIOKafkaConsumer, partition: TopicPartition, start: int, end: int, key: bytes
) -> int | None:
    """How many records come before the first with a key; None when there is none among those not read yet."""
    consumer.assign([partition])
    consumer.seek(partition, start)
    end = min(end, start + _LOOKED_THROUGH)
    while await consumer.position(partition) < end:
        batches = await consumer.getmany(partition, timeout_ms=1_000, max_records=5_000)
        for record in batches.get(partition, ()):
            if record.key == key:
                return int(record.offset) - start
        if not batches:
            break
    return None


async def _is_read(admin: AIOKafkaAdminClient, group: str) -> bool:
    try:
        answers = await admin.describe_consumer_groups([group])
    except GroupCoordinatorNotAvailableError:
        return False
    for answer in answers:
        for _, _, state, *_ in answer.groups:
            return str(state) not in {"Empty", "Dead", ""}
    return False


async def unready(addresses: dict[str, str]) -> dict[str, str]:
    """Service → what is missing, of those that are not ready."""

    async def ask(http: httpx.AsyncClient, name: str, address: str) -> tuple[str, str | None]:
        try:
            answer = await http.get(f"{address.rstrip('/')}/readyz")
            said = answer.json()
        except (httpx.HTTPError, ValueError):
            return name, "no answer"
        if said.get("status") == "ready":
            return name, None
        reasons = dict(said.get("reasons") or {})
        failed = sorted(check for check, fine in dict(said.get("checks", {})).items() if fine is False)
        return name, "; ".join(
            f"{check}: {reasons[check]}" if check in reasons else check for check in failed
        ) or "not ready"

    async with httpx.AsyncClient(timeout=3) as http:
        found = await asyncio.gather(*(ask(http, name, address) for name, address in addresses.items() if address))
    return {name: missing for name, missing in found if missing is not None}


async def _quietly(closing: object) -> None:
    try:
        async with asyncio.timeout(3):
            await closing  # type: ignore[misc]
    except (KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        return  # without a broker aiokafka raises CancelledError into the caller
