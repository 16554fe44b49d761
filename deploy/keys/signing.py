"""From where on every event must be signed: noted once, when the last copy of a release without signatures is gone."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.database import Connection
from deploy.keys.event_keys import folder_of, read_all
from deploy.keys.rotation import Q
from deploy.stack.errors import StackError
from shared.events.topics import TOPICS
from shared.runtime.bootstrap import SERVICES
from shared.runtime.kafka_access import KafkaAccess, client_of
from shared.runtime.signatures import Place, Signatures

_PATIENCE = 15.0


async def require_signatures(
    connection: Connection, bootstrap: KafkaAccess | str, *, from_start: bool = False
) -> list[str]:
    """Believe no event without a signature that is written from now on; answers which services had believed them.

    Args:
        from_start: nor any that was written before; for topics that were made anew, or hold no old records any more.

    Raises:
        StackError: Kafka does not answer.
    """
    async with connection.transaction():
        wanted = []
        for service in SERVICES:
            await _enter(connection, service)
            if from_start or not await connection.fetchval(Q.signatures_are_required):
                wanted.append(service)
        if not wanted:
            return []
        rules = [(("", 0), 0)] if from_start else list((await _ends(bootstrap)).items())
        for service in wanted:
            await _enter(connection, service)
            await connection.execute(Q.forget_signed_from)
            await connection.execute(
                Q.sign_from, [topic for (topic, _), _ in rules], [p for (_, p), _ in rules], [end for _, end in rules]
            )
    return wanted


async def _enter(connection: Connection, service: str) -> None:
    await connection.execute("SELECT set_config('search_path', $1, true)", service)


async def operators_signatures(connection: Connection) -> Signatures | None:
    """What the services believe, for the operator's commands; none where there are no event keys at hand.

    Raises:
        StackError: A file of keys cannot be used.
    """
    keys = read_all(folder_of())
    return None if keys is None else Signatures(keys, await rules_of(connection))


async def rules_of(connection: Connection) -> dict[Place, int]:
    """From where on events must be signed; the services have it alike."""
    rows = await connection.fetch(Q.signed_from)
    return {(row["topic"], row["partition"]): row["from_offset"] for row in rows}


async def _ends(bootstrap: KafkaAccess | str) -> dict[Place, int]:
    consumer = AIOKafkaConsumer(**client_of(bootstrap), enable_auto_commit=False)
    try:
        async with asyncio.timeout(_PATIENCE):
            await consumer.start()
            places = []
            for topic in TOPICS:
                await consumer._client.add_topic(topic.name)
                found = consumer._client.cluster.partitions_for_topic(topic.name)
                if not found:
                    raise StackError(f"The topic {topic.name} does not exist", "Create it with `make up`")
                places += [TopicPartition(topic.name, partition) for partition in found]
            ends = await consumer.end_offsets(places)
    except (KafkaError, OSError, TimeoutError) as error:
        raise StackError(
            f"Kafka at {bootstrap} does not answer ({type(error).__name__})", "Look at `make status`"
        ) from error
    finally:
        await consumer.stop()
    return {(place.topic, place.partition): end for place, end in ends.items()}
