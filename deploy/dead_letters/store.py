"""The dead-letter tables of the four services, seen as one list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from deploy.database import Connection
from deploy.stack.errors import StackError
from shared.runtime.kafka import unpack_headers
from shared.runtime.pg import load_queries

Q = load_queries("deploy.dead_letters")
SERVICES = ("intake", "router", "sla", "notifier")
_ADDRESS = re.compile(rf"({'|'.join(SERVICES)})/(\d+)")


@dataclass(frozen=True, slots=True)
class Address:
    """Which dead letter: the service that could not process it, and its number there; written `router/12`."""

    service: str
    id: int

    @classmethod
    def read(cls, text: str) -> Address:
        """The address as an operator types it.

        Raises:
            StackError: it is none.
        """
        match = _ADDRESS.fullmatch(text.strip().lower())
        if match is None:
            raise StackError(f"{text!r} names no dead letter", "Write it as `list` shows it, like router/12")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.service}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter with its bytes."""

    address: Address
    consumer: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    event_type: str | None
    reason: str
    detail: str
    traceparent: str | None
    attempts: int
    record_at: datetime | None
    failed_at: datetime
    replayed_at: datetime | None
    replayed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters."""

    service: str | None = None
    reason: str | None = None
    topic: str | None = None
    waiting: bool = False
    limit: int = 100


async def list_letters(connection: Connection, wanted: Filter) -> tuple[list[Mapping[str, Any]], int]:
    """Dead letters without their bytes, newest first, at most `limit` of them; and how many there are."""
    rows = [
        dict(row)
        for row in await connection.fetch(
            Q.list_letters, wanted.service, wanted.reason, wanted.topic, wanted.waiting, wanted.limit
        )
    ]
    total = max((row.pop("total") for row in rows), default=0)
    return [{"address": f"{row['service']}/{row['id']}", **row} for row in rows], total


async def read_letter(connection: Connection, address: Address, *, hold: bool = False) -> Letter:
    """One dead letter; with `hold` it is locked until the transaction, which must be open, ends.

    Raises:
        StackError: there is none of that number.
    """
    async with connection.transaction():
        await connection.execute(Q.enter_schema, address.service)
        row = await connection.fetchrow(Q.hold_letter if hold else Q.letter, address.id)
    if row is None:
        raise StackError(f"There is no dead letter {address}", "See `redress dead-letters list`")
    return _letter(address, row)


async def mark_replayed(connection: Connection, address: Address, by: str) -> None:
    """Note who sent it again; part of the open transaction."""
    await connection.execute(Q.enter_schema, address.service)
    await connection.execute(Q.mark_replayed, address.id, by)


def _letter(address: Address, row: asyncpg.Record) -> Letter:
    return Letter(
        address=address,
        consumer=row["consumer"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        key=row["key"],
        value=row["value"],
        headers=tuple(unpack_headers(row["headers"])),
        event_type=row["event_type"],
        reason=row["reason"],
        detail=row["detail"],
        traceparent=row["traceparent"],
        attempts=row["attempts"],
        record_at=row["record_at"],
        failed_at=row["failed_at"],
        replayed_at=row["replayed_at"],
        replayed_by=row["replayed_by"],
    )
