"""The relay's producer, and what an error of the broker means."""

import asyncio
import logging
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedForMessageFormatError,
)

from shared.runtime.kafka import make_producer, stop_producer
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.relay.lane import Place
from shared.runtime.relay.parcel import Parcel, Signer

log = logging.getLogger(__name__)

REFUSED = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    CorruptRecordException,
    UnsupportedForMessageFormatError,
)
"""The broker looked at the records and will never take all of them. Every other error is of the topic or of the way."""
_INVALID_RECORD = 87
_FIRST_LOOK = 1.0
"""Seconds to wait for a topic that was never seen; later it is asked for beside."""


def is_refusal(error: BaseException) -> bool:
    """Whether a record is to blame."""
    return isinstance(error, REFUSED) or getattr(error, "errno", None) == _INVALID_RECORD


def is_about_time(error: BaseException) -> bool:
    """Whether the broker does not believe our clock."""
    return isinstance(error, InvalidTimestampError)


class Sending:
    """A producer that is renewed without being replaced: what it has in flight stays with it until that is answered.

    A batch that was refused leaves a hole in the numbers of an idempotent producer, so every later batch of that
    partition would be refused too; the next one goes through a new producer.
    """

    def __init__(self, bootstrap: KafkaAccess | str, client_id: str, signer: Signer | None) -> None:
        self._bootstrap = bootstrap
        self._signer = signer
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._flying: dict[AIOKafkaProducer, int] = {}
        self._asked: dict[str, asyncio.Task[Any]] = {}

    async def start(self) -> None:
        """Have a producer.

        Raises:
            KafkaError: the broker does not answer.
        """
        if self._producer is not None:
            return
        producer = make_producer(self._bootstrap, self._client_id)
        try:
            await producer.start()
        except BaseException:
            await stop_producer(producer, 1)
            raise
        self._producer = producer
        self._flying[producer] = 0

    async def renew(self) -> None:
        """Send what comes next through a new producer."""
        old, self._producer = self._producer, None
        for task in self._asked.values():
            task.cancel()
        self._asked = {}
        if old is not None and not self._flying[old]:
            del self._flying[old]
            await stop_producer(old, 1)

    async def stop(self) -> None:
        """End all producers within a bound."""
        self._producer = None
        for task in self._asked.values():
            task.cancel()
        producers, self._flying = list(self._flying), {}
        await asyncio.gather(*(stop_producer(producer) for producer in producers), return_exceptions=True)

    async def partitions(self, topic: str) -> int | KafkaError:
        """How many partitions a topic has, or why that is not known now. Waits only when it was never asked before."""
        assert self._producer is not None
        client = self._producer.client
        known = client.cluster.partitions_for_topic(topic)
        if known:
            return len(known)
        task = self._asked.get(topic)
        if task is None or task.done():
            error = task.exception() if task is not None and not task.cancelled() else None
            task = self._asked[topic] = asyncio.create_task(_ask(client, topic))
            if error is None:
                await asyncio.wait((task,), timeout=_FIRST_LOOK)
                if task.done() and task.exception() is None:
                    return len(task.result())
            if task.done():
                error = task.exception()
            return error if isinstance(error, KafkaError) else UnknownTopicOrPartitionError(topic)
        return UnknownTopicOrPartitionError(topic)

    def new_parcel(self, source: str, *, timeless: bool) -> Parcel:
        """An empty batch."""
        assert self._producer is not None
        key = self._signer() if self._signer is not None else None
        return Parcel(self._producer.create_batch(), source, key, timeless=timeless)

    async def send(self, parcel: Parcel, place: Place) -> "asyncio.Future[Any]":
        """Hand a batch over; answers the broker's answer to come."""
        producer = self._producer
        assert producer is not None
        future: asyncio.Future[Any] = await producer.send_batch(parcel.batch, place[0], partition=place[1])
        self._flying[producer] += 1
        future.add_done_callback(lambda _: self._landed(producer))
        return future

    def _landed(self, producer: AIOKafkaProducer) -> None:
        left = self._flying.get(producer)
        if left is None:
            return
        self._flying[producer] = left - 1
        if left == 1 and producer is not self._producer:
            del self._flying[producer]
            task = asyncio.ensure_future(stop_producer(producer, 1))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())


async def _ask(client: Any, topic: str) -> Any:
    """The partitions of a topic, as the broker tells them now."""
    await client.add_topic(topic)
    await client.force_metadata_update()
    found = client.cluster.partitions_for_topic(topic)
    if found:
        return found
    if topic in client.cluster.unauthorized_topics:
        raise TopicAuthorizationFailedError(topic)
    raise UnknownTopicOrPartitionError(topic)
