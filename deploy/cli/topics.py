"""`redress topics`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from deploy.stack.terminal import Terminal


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show every topic: who writes it, who reads it, what the running Kafka holds, and which settings are not ours."""
    topics = asyncio.run(_topics())
    if as_json:
        print(json.dumps({"topics": topics}, indent=2))
        return
    rows = [
        (
            topic["name"],
            topic["writer"],
            ", ".join(topic["readers"]) or "-",
            str(topic["partitions"]),
            "-" if topic["records"] is None else str(topic["records"]),
            ", ".join(f"{group} {lag}" for group, lag in topic["lag"].items()) or "-",
        )
        for topic in topics
    ]
    Terminal().table("Topics", ("topic", "writer", "readers", "partitions", "records", "lag"), rows)
    for topic in topics:
        for line in topic["differences"]:
            Terminal().say(f"{topic['name']}: {line}")


async def _topics() -> list[dict[str, Any]]:
    """The table of `shared.events.topics` with the live figures of the running Kafka."""
    from deploy.endpoints import load_endpoints
    from deploy.stack.topics import differences
    from shared.events.envelope import type_of
    from shared.events.topics import DEAD_LETTERS, TOPICS

    found: list[dict[str, Any]] = [
        {
            "name": topic.name,
            "writer": topic.writer,
            "readers": sorted({reader for readers in topic.readers.values() for reader in readers}),
            "partitions": topic.partitions,
            "events": {type_of(event): list(topic.readers.get(event, ())) for event in topic.events},
        }
        for topic in TOPICS
    ]
    found.append({"name": DEAD_LETTERS, "writer": "all", "readers": [], "partitions": 1, "events": {}})
    live = await _live(load_endpoints().kafka, [topic["name"] for topic in found])
    otherwise = await differences(load_endpoints().kafka)
    for topic in found:
        topic["differences"] = otherwise.get(topic["name"], [])
        topic["offsets"], topic["records"], topic["lag"] = live.get(topic["name"], ({}, None, {}))
    return found


_Live = dict[str, tuple[dict[str, list[int]], int, dict[str, int]]]


async def _live(bootstrap: str, names: list[str]) -> _Live:
    """Topic → (partition → [first, next] offset, records, group → lag).

    Raises:
        StackError: Kafka does not answer.
    """
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    from deploy.stack.errors import StackError

    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        await consumer.start()
        await admin.start()
        described = await admin.describe_topics(names)
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in sorted(topic["partitions"], key=lambda partition: int(partition["partition"]))
        ]
        first = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        groups = sorted(group for group, _protocol in await admin.list_consumer_groups())
        committed = {group: await admin.list_consumer_group_offsets(group) for group in groups}
    except (KafkaError, OSError, TimeoutError) as error:
        raise StackError(f"Kafka does not answer ({type(error).__name__})", "Look at `make status`") from error
    finally:
        await consumer.stop()
        await admin.close()
    live: _Live = {}
    for name in names:
        mine = [partition for partition in partitions if partition.topic == name]
        lag = {
            group: sum(ends[p] - offsets[p].offset for p in mine if p in offsets)
            for group, offsets in committed.items()
            if any(p in offsets for p in mine)
        }
        offsets = {str(p.partition): [first[p], ends[p]] for p in mine}
        live[name] = (offsets, sum(ends[p] - first[p] for p in mine), lag)
    return live
