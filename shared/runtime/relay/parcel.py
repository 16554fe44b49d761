"""Outbox rows as one Kafka record batch: the rows of one partition that the relay sends together."""

import time
from collections.abc import Callable

import asyncpg
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.runtime.event_keys import COVERED, EventKey, signed
from shared.runtime.kafka import cloud_event_headers, unpack_headers

Signer = Callable[[], EventKey]
"""The key to sign by now."""


def headers_of(source: str, row: asyncpg.Record, key: EventKey | None) -> list[tuple[str, bytes | None]]:
    """The headers of the record that a row becomes; those of a dead letter are the record's own."""
    if row["headers"] is not None:
        return unpack_headers(row["headers"])
    headers = cloud_event_headers(
        source, row["event_id"], row["type"], row["key"], row["occurred_at"], row["traceparent"]
    )
    if key is None:
        return headers
    covered = tuple(value for _, value in headers[: len(COVERED)])  # they are written in this order
    return signed(key, row["topic"], row["key"], headers, row["payload"], covered)


class Parcel:
    """A batch for one partition.

    Attributes:
        batch: the records.
        rows: the outbox rows that are in it.
        timeless: its records have no timestamp.
    """

    __slots__ = ("_full", "_key", "_source", "_time", "batch", "rows", "timeless")

    def __init__(self, batch: BatchBuilder, source: str, key: EventKey | None, *, timeless: bool = False) -> None:
        self.batch = batch
        self.rows: list[asyncpg.Record] = []
        self._source = source
        self._key = key
        self._full = False
        self.timeless = timeless
        self._time = -1 if timeless else int(time.time() * 1000)  # -1: no timestamp, which every broker takes

    @property
    def ids(self) -> list[int]:
        """The outbox ids of its rows."""
        return [row["id"] for row in self.rows]

    def add(self, row: asyncpg.Record) -> bool:
        """Take a row, unless the batch is full; from then on no other, so that order is kept. Answers whether it did."""
        if self._full:
            return False
        headers = headers_of(self._source, row, self._key)
        if self.batch.append(timestamp=self._time, key=row["key"], value=row["payload"], headers=headers) is None:
            self._full = True
            return False
        self.rows.append(row)
        return True
