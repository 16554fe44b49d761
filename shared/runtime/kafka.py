"""The Kafka client as we run it: a safe producer, the headers of CloudEvents, a mend for a known hot loop."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient

_original_update = AIOKafkaClient._metadata_update


async def _paced(self: AIOKafkaClient, cluster: Any, topics: Any) -> Any:
    """Pause after a metadata update that failed, or that knows no leader of a partition that is asked for.

    Without it a cleanly stopped broker, or a deleted topic, makes a producer with data queued spin at 100 % CPU.
    """
    ok = await _original_update(self, cluster, topics)
    if not ok or any(
        cluster.available_partitions_for_topic(topic) != cluster.partitions_for_topic(topic)
        or not cluster.partitions_for_topic(topic)
        for topic in topics or ()
    ):
        await asyncio.sleep(self._retry_backoff)
    return ok


AIOKafkaClient._metadata_update = _paced  # aiokafka is pinned to 0.14; an integration test guards this

MAX_RECORD_BYTES = 1_000_000
"""A record of ours never comes near this; a larger one is refused when it is read."""


def make_producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """A producer that loses and reorders nothing: idempotent, acknowledged by all in-sync replicas.

    It retries for ever while the broker is away. Never replace it while its sends are pending: that makes duplicates.
    """
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=500_000,  # of one partition; brokers take up to 1 MB unless told otherwise
        max_request_size=8_000_000,
        request_timeout_ms=20_000,
        retry_backoff_ms=100,
    )


async def stop_producer(producer: AIOKafkaProducer, seconds: float = 5) -> None:
    """Stop a producer within a bound; with data queued and no broker its own `stop` never ends."""
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except BaseException:
        sender = producer._sender
        if sender is not None:
            await sender.close()
        await producer.client.close()


def cloud_event_headers(
    source: str, event_id: UUID, kind: str, key: bytes | None, occurred_at: datetime, traceparent: str | None
) -> list[tuple[str, bytes | None]]:
    """The headers of a CloudEvents 1.0 event in Kafka binary mode, plus W3C `traceparent`; one that is not 55 characters
    (older versions kept whatever a caller sent) is left out, or its record could be one that no broker takes.
    """
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event_id).encode()),
        ("ce_type", kind.encode()),
        ("ce_source", source.encode()),
        ("ce_time", occurred_at.isoformat().encode()),
        ("ce_subject", key or b""),
        ("content-type", b"application/json"),
    ]
    if traceparent and len(traceparent) == 55:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def pack_headers(headers: Sequence[tuple[Any, bytes | None]]) -> dict[str, list[list[str | None]]]:
    """Headers as `jsonb` can hold them, whatever their bytes: `{"headers": [[name, base64 value or null], …]}`.

    NUL, which Postgres has no place for, is escaped in names.
    """
    return {
        "headers": [
            [
                (name if isinstance(name, str) else bytes(name).decode("utf-8", "backslashreplace")).replace(
                    "\x00", "\\x00"
                ),
                base64.b64encode(value).decode() if value is not None else None,
            ]
            for name, value in headers
        ]
    }


def unpack_headers(packed: Mapping[str, Sequence[Sequence[str | None]]]) -> list[tuple[str, bytes | None]]:
    """The headers that `pack_headers` packed."""
    return [(str(name), base64.b64decode(value) if value is not None else None) for name, value in packed["headers"]]
