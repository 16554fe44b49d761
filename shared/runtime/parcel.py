"""Outbox rows as one Kafka record batch: the rows of one partition that the relay sends together."""

import asyncpg
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.runtime.kafka import cloud_event_headers, unpack_headers


class Parcel:
    """A batch for one partition.

    Attributes:
        batch: the records.
        ids: the outbox ids of the rows that are in it.
    """

    __slots__ = ("_full", "_source", "batch", "ids")

    def __init__(self, batch: BatchBuilder, source: str) -> None:
        self.batch = batch
        self.ids: list[int] = []
        self._source = source
        self._full = False

    def add(self, row: asyncpg.Record) -> None:
        """Take a row, unless the batch is full; from then on no other, so that order is kept."""
        if self._full:
            return
        packed = row["headers"]
        if packed is None:
            headers = cloud_event_headers(
                self._source, row["event_id"], row["type"], row["key"], row["occurred_at"], row["traceparent"]
            )
        else:
            headers = unpack_headers(packed)
        if self.batch.append(timestamp=None, key=row["key"], value=row["payload"], headers=headers) is None:
            self._full = True
        else:
            self.ids.append(row["id"])
