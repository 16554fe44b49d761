"""Record batches written byte by byte, for what no producer library would send."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

Raw = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
PLACEHOLDER = "x-name-that-is-not-utf-8"
"""A header of this name gets the bytes of `NOT_UTF8` instead; both have one length."""
NOT_UTF8 = b"x-name-that-is-\xff\xfe\xff-utf-8"
UNKNOWN_TOPIC, NOT_LEADER = 3, 6
"""What the broker answers for a topic it has just made."""
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch_of(records: Sequence[Raw], *, codec: str = "none", timestamp: int = 1_700_000_000_000) -> bytes:
    """One record batch (v2) with a right checksum."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, -1, 8_000_000)
    for number, (key, value, headers) in enumerate(records):
        assert builder.append(number, timestamp, key, value, list(headers)) is not None
    data = bytearray(bytes(builder.build()).replace(PLACEHOLDER.encode(), NOT_UTF8))
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))
    return bytes(data)


async def write(bootstrap: str, topic: str, partition: int, batch: bytes) -> None:
    """Let the broker append a batch as it is."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        client.add_topic(topic)
        deadline = time.monotonic() + 10
        while True:
            await client.force_metadata_update()
            node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
            code = UNKNOWN_TOPIC
            if node is not None and node >= 0:
                answer = await client.send(node, ProduceRequest(None, -1, 10_000, [(topic, [(partition, batch)])]))
                code = answer.topics[0][1][0][1]
            if code not in (UNKNOWN_TOPIC, NOT_LEADER) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        assert code == 0, f"the broker refused the batch with error {code}"
    finally:
        await client.close()
