"""Creates the topics of `shared.events.topics` on a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from deploy.stack.errors import StackError
from shared.events.topics import DEAD_LETTERS, TOPICS

_GONE_PATIENCE = 10.0

#: Larger than anything we read, so that an oversized record reaches our judgement and the dead letters with its bytes.
_LARGEST = {"max.message.bytes": "4194304"}
_LARGEST_DEAD = {"max.message.bytes": "8388608"}


def wanted_topics() -> dict[str, int]:
    """Topic name → number of partitions, the dead letters included."""
    return {**{topic.name: topic.partitions for topic in TOPICS}, DEAD_LETTERS: 1}


async def create_topics(bootstrap_servers: str, *, replication: int = 1) -> list[str]:
    """Create the topics that are missing and return their names.

    Raises:
        StackError: The broker refused.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await _start(admin, bootstrap_servers)
    try:
        existing = set(await admin.list_topics())
        missing = {name: count for name, count in wanted_topics().items() if name not in existing}
        if not missing:
            return []
        answer = await admin.create_topics(
            [
                NewTopic(name, count, replication, topic_configs=_LARGEST_DEAD if name == DEAD_LETTERS else _LARGEST)
                for name, count in missing.items()
            ]
        )
        for name, code, message in answer.topic_errors:
            if code not in {0, TopicAlreadyExistsError.errno}:
                raise StackError(
                    f"Kafka refuses to create the topic {name}: {message or for_code(code).__name__}",
                    "Create it by hand, or allow this client to",
                )
        return sorted(missing)
    finally:
        await admin.close()


async def delete_topics(bootstrap_servers: str, names: Sequence[str]) -> None:
    """Delete topics and wait until they are gone, so that they can be created again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await _start(admin, bootstrap_servers)
    try:
        present = sorted(set(names) & set(await admin.list_topics()))
        if not present:
            return
        await admin.delete_topics(present)
        async with asyncio.timeout(_GONE_PATIENCE):
            while set(present) & set(await admin.list_topics()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the broker offers nothing to wait on
    finally:
        await admin.close()


async def _start(admin: AIOKafkaAdminClient, bootstrap_servers: str) -> None:
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        raise StackError(
            f"Kafka at {bootstrap_servers} does not answer ({type(error).__name__})",
            "Start it, or correct KAFKA_BOOTSTRAP_SERVERS",
        ) from error
