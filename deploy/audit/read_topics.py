"""Reads every topic from its first record to its present end, into the spool."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from pydantic_core import from_json

from deploy.audit.clear_text import ClearText
from deploy.audit.progress import Progress, silent
from deploy.audit.snapshot import SUBSCRIBERS, DeadRecord, Poison, Told
from deploy.audit.spool import Spool
from deploy.stack.errors import StackError
from shared.events.topics import DEAD_LETTERS, EVENT_TYPES, TOPICS, types_read_by
from shared.runtime.dead_letters import moment_of
from shared.runtime.decode import decode
from shared.runtime.errors import Permanent, Reason
from shared.runtime.kafka_access import KafkaAccess, client_of
from shared.runtime.records import Unreadable
from shared.runtime.signatures import Signatures

KEPT = frozenset(
    [
        "about",
        "channel",
        "clock",
        "clock_epoch",
        "clocks",
        "department",
        "due_at",
        "epoch",
        "fired_at",
        "how",
        "late",
        "level",
        "message_id",
        "notice",
        "notice_id",
        "previous_department",
        "progress_token_hash",
        "sent_at",
        "stage",
    ]
)
"""The fields the checks look at; the rest of an event is let go."""
_IDLE_POLLS = 10
_METADATA_TRIES = 15


_GATHERED = 5_000


@dataclass(slots=True)
class Topics:
    """What was on the topics, but for the records that the spool holds.

    Attributes:
        next: how far each partition was read; a later reading goes on there.
        poison: of records that name no complaint.
        signatures: what the services believe; none where no event keys are at hand, and then every record is.
    """

    next: dict[TopicPartition, int] = field(default_factory=dict)
    poison: list[Poison] = field(default_factory=list)
    dead_records: list[DeadRecord] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    signatures: Signatures | None = None


async def read_topics(
    bootstrap: KafkaAccess | str, clear_text: ClearText, spool: Spool, found: Topics, progress: Progress = silent
) -> None:
    """Read what is new on all topics, up to the ends they have now; records that name a complaint go into the spool.

    Raises:
        StackError: the broker does not answer, or stops answering.
    """
    consumer = AIOKafkaConsumer(
        **client_of(bootstrap),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=2_000_000,
    )
    try:
        async with asyncio.timeout(15):
            await consumer.start()
    except (KafkaError, OSError, TimeoutError) as error:
        await _quietly_stop(consumer)
        raise StackError(
            f"Kafka at {bootstrap} does not answer ({type(error).__name__})", "Look at `make status`"
        ) from error
    try:
        await _read(consumer, await _partitions(bootstrap), clear_text, spool, found, progress)
    except (KafkaError, OSError) as error:
        raise StackError(f"Kafka stopped answering ({type(error).__name__})", "Look at `make status`") from error
    finally:
        await _quietly_stop(consumer)


async def _partitions(bootstrap: KafkaAccess | str) -> list[TopicPartition]:
    """Every partition of our topics. The consumer itself knows only of topics it already reads.

    Raises:
        StackError: a topic is missing; an audit that read less than it should proves nothing.
    """
    admin = AIOKafkaAdminClient(**client_of(bootstrap))
    await admin.start()
    try:
        for _ in range(_METADATA_TRIES):
            described = await admin.describe_topics([*(topic.name for topic in TOPICS), DEAD_LETTERS])
            missing = [topic["topic"] for topic in described if topic["error_code"] or not topic["partitions"]]
            if not missing:
                return sorted(TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"])
            await asyncio.sleep(0.2)  # a topic just made is not known everywhere at once
    finally:
        await admin.close()
    raise StackError(f"The topic {missing[0]} does not exist", "Create it with `make up`")


async def _quietly_stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(5):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        return  # without a broker aiokafka raises CancelledError into the caller


async def _read(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    clear_text: ClearText,
    spool: Spool,
    found: Topics,
    progress: Progress,
) -> None:
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    names = {partition.topic for partition in partitions}
    found.whole = {name for name in names if all(begins[p] == 0 for p in partitions if p.topic == name)}
    starts = {p: max(begins[p], found.next.get(p, 0)) for p in partitions}
    total, done = sum(max(0, ends[p] - starts[p]) for p in partitions), 0
    # One topic at a time, so that the client holds little.
    for name in sorted(names):
        mine = [p for p in partitions if p.topic == name]
        consumer.assign(mine)
        for partition in mine:
            consumer.seek(partition, starts[partition])
        left = {partition for partition in mine if starts[partition] < ends[partition]}
        idle = 0
        while left:
            batches = await consumer.getmany(*left, timeout_ms=500, max_records=_GATHERED)
            idle = 0 if batches else idle + 1
            if idle > _IDLE_POLLS:
                raise StackError("Kafka no longer sends records", "Look at `make status`")
            for partition, records in batches.items():
                readable = [record for record in records if type(record) is not Unreadable]
                for record in records:
                    if type(record) is Unreadable:
                        consumer.seek(partition, record.next_offset)
                        found.poison.append(_unreadable(record))
                _sort_in(readable, found, clear_text, spool)
                done += len(records)
            progress("records read", done, total)
            for partition in mine:
                found.next[partition] = await consumer.position(partition)
            left = {partition for partition in left if found.next[partition] < ends[partition]}


def _sort_in(records: Sequence[ConsumerRecord], found: Topics, clear_text: ClearText, spool: Spool) -> None:
    named = []
    for record in records:
        complaint_id = _complaint_of(record)
        if complaint_id is not None:
            named.append((complaint_id, record))
            continue
        clear_text.search_all(blobs_of(record), f"a record of {record.topic}")
        if record.topic == DEAD_LETTERS:
            found.dead_records.append(dead_record_of(record))
        elif (poisoned := poison_of(record, found.signatures)) is not None:
            found.poison.append(poisoned)
    spool.add_records(named)


def blobs_of(record: ConsumerRecord) -> list[bytes | None]:
    """Every part of a record in which text could stand."""
    return [record.value, record.key, *(value for _, value in record.headers or ())]


def _unreadable(record: Unreadable) -> Poison:
    """A damaged place of the log: every reader has to be let past it (`redress skip`)."""
    return Poison(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(0, UTC),
        reason=Reason.UNREADABLE_RECORD.value,
        digest=digest_of(None),
        consumers=SUBSCRIBERS.get(record.topic, frozenset()),
    )


def told_of(record: ConsumerRecord, signatures: Signatures | None = None) -> Told | None:
    """The event of a record; None when it is none that our services could have written."""
    headers = _text_headers(record)
    kind = headers.get("ce_type", "")
    if kind not in EVENT_TYPES:
        return None
    try:
        decode(record, frozenset({kind}), signatures)
    except Permanent:
        return None
    data: dict[str, Any] = from_json(record.value)
    return Told(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=_moment(record),
        type=kind,
        event_id=UUID(data["event_id"]),
        complaint_id=UUID(data["complaint_id"]),
        version=data["version"],
        cause_kind=data["cause"]["kind"],
        cause_id=data["cause"]["id"],
        occurred_at=datetime.fromisoformat(data["occurred_at"]),
        digest=digest_of(record.value),
        traceparent=headers.get("traceparent"),
        data={name: value for name, value in data.items() if name in KEPT},
    )


def stranger_of(record: ConsumerRecord, signatures: Signatures | None) -> Reason | None:
    """Whether a record says it is an event of ours and its writer did not sign it: `forged` or `unsigned`."""
    kind = _text_headers(record).get("ce_type", "")
    try:
        decode(record, frozenset({kind} & EVENT_TYPES.keys()), signatures)
    except Permanent as error:
        return error.reason if error.reason in {Reason.FORGED, Reason.UNSIGNED} else None
    return None


def dead_record_of(record: ConsumerRecord) -> DeadRecord:
    """A record of the dead-letter topic."""
    headers = _text_headers(record)
    return DeadRecord(
        consumer=headers.get("x-dead-letter-consumer", ""),
        topic=headers.get("x-dead-letter-topic", ""),
        partition=_number(headers.get("x-dead-letter-partition")),
        offset=_number(headers.get("x-dead-letter-offset")),
        digest=digest_of(record.value),
    )


def digest_of(value: bytes | None) -> bytes:
    """Eight bytes that stand for a record's value; no value and an empty one are the same."""
    return hashlib.blake2b(value or b"", digest_size=8).digest()


def poison_of(record: ConsumerRecord, signatures: Signatures | None = None) -> Poison | None:
    """Why a record is no event to its readers, and to which of them; each reads only its own types."""
    reasons: dict[str, str] = {}
    for service in SUBSCRIBERS.get(record.topic, frozenset()):
        try:
            decode(record, _WANTED[service].get(record.topic, frozenset()), signatures)
        except Permanent as error:
            reasons[service] = error.reason.value
    if not reasons:
        return None
    return Poison(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=_moment(record),
        reason=min(reasons.values()),
        digest=digest_of(record.value),
        consumers=frozenset(reasons),
    )


_WANTED: Mapping[str, Mapping[str, frozenset[str]]] = {
    service: types_read_by(service) for services in SUBSCRIBERS.values() for service in services
}


def _complaint_of(record: ConsumerRecord) -> UUID | None:
    try:
        return UUID((record.key or b"").decode("ascii"))
    except ValueError:
        return None


def _text_headers(record: ConsumerRecord) -> dict[str, str]:
    return {str(name): (value or b"").decode("utf-8", "replace") for name, value in record.headers or ()}


def _number(text: str | None) -> int:
    """A place in a topic; -1 when a forged record says no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else -1


def _moment(record: ConsumerRecord) -> datetime:
    """When a record was written; its producer may have written any number."""
    return moment_of(record.timestamp) or datetime.fromtimestamp(0, UTC)
