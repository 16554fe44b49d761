"""Reads the four schemas in one transaction, so that they are seen at one moment, a range of complaints at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import from_json

from deploy.audit.clear_text import ClearText, Contacts, words_of
from deploy.audit.read_topics import digest_of
from deploy.audit.search import Marker
from deploy.audit.snapshot import (
    CaseRow,
    ClockRow,
    ComplaintRow,
    DeadLetterRow,
    ErasedRow,
    KeyRow,
    LedgerRow,
    NoticeRow,
    OutboxRow,
    Snapshot,
    Suppression,
    TimerRow,
)
from deploy.audit.spool import Spool
from deploy.database import Connection, operator_connection
from shared.runtime.kafka import unpack_headers
from shared.runtime.pg import load_queries

Q = load_queries("deploy.audit")
FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)
_AT_ONCE = 1_000
_A_WHILE = timedelta(days=1)
"""A whole topic has a record this soon after the first complaint was accepted."""


@dataclass(slots=True)
class Tables:
    """The four schemas at one moment.

    Attributes:
        taken_at: the server's clock when they were read.
        clock_now: the clock deadlines are due by.
        floors: consumer → from which event on its inbox remembers.
        void: events that no longer count, since a restored database did not know them.
        letters: all dead letters, once read.
    """

    connection: Connection
    taken_at: datetime
    clock_now: datetime
    floors: Mapping[str, UUID]
    void: frozenset[UUID]
    suppressions: tuple[Suppression, ...]
    letters: tuple[DeadLetterRow, ...] = ()
    _keys: AsyncIterator[asyncpg.Record] | None = None
    _next_key: asyncpg.Record | None = None
    _letters_of: dict[UUID, list[DeadLetterRow]] = field(default_factory=lambda: defaultdict(list))

    async def contacts(self) -> Contacts:
        """The addresses and phone numbers of all customers."""
        found = Contacts()
        async for row in self._stream(Q.contacts):
            for contact in row:
                if contact:
                    found.add(contact)
        return found

    async def signed_from(self) -> dict[tuple[str, int], int]:
        """From which offsets on the services believe no event without a signature."""
        rows = await self.connection.fetch(Q.signed_from)
        return {(row["topic"], row["partition"]): row["from_offset"] for row in rows}

    async def every(self, step: int) -> list[UUID]:
        """Each so-manieth complaint, in order."""
        return [row["complaint_id"] for row in await self.connection.fetch(Q.every, step)]

    async def lost_topics(self, begins: Mapping[str, datetime]) -> set[str]:
        """Topics that lost records and do not reach back to the first complaint: what was sent again is not all there was.

        Args:
            begins: when the oldest record of each topic was written.
        """
        oldest = await self.connection.fetchval(Q.oldest)
        truncated = {row["topic"] for row in await self.connection.fetch(Q.truncated)}
        return {t for t in truncated if oldest and (t not in begins or begins[t] > oldest + _A_WHILE)}

    async def spool_outboxes(self, spool: Spool) -> None:
        """Put what the broker has not acknowledged into the spool."""
        rows: list[tuple[OutboxRow, bytes | None]] = []
        async for row in self._stream(Q.outbox):
            rows.append((_outbox(row), row["payload"]))
            if len(rows) >= _AT_ONCE:
                spool.add_unsent(rows)
                rows.clear()
        spool.add_unsent(rows)

    async def read_letters(self, clear_text: ClearText) -> None:
        """Read and search the dead letters."""
        found = []
        async for row in self._stream(Q.dead_letters):
            blobs: Iterable[bytes | None] = (value for _, value in unpack_headers(row["headers"]))
            where = f"the dead letters of {row['service']}"
            clear_text.search_all((row["value"], row["key"], row["detail"].encode(), *blobs), where, _uuid(row["key"]))
            letter = _letter(row)
            found.append(letter)
            if letter.event_id is not None:
                self._letters_of[letter.event_id].append(letter)
        self.letters = tuple(found)

    def letters_of(self, events: Iterable[UUID]) -> Iterator[DeadLetterRow]:
        """The dead letters of some events."""
        for event_id in events if self._letters_of else ():
            yield from self._letters_of.get(event_id, ())

    async def security_log(self) -> tuple[int, tuple[int, ...]]:
        """How many lines the security log has, and where its chain is broken."""
        count = await self.connection.fetchval(Q.security_lines)
        return count, tuple(row["id"] for row in await self.connection.fetch(Q.broken_lines))

    async def part(self, low: UUID, high: UUID) -> tuple[Snapshot, dict[UUID, tuple[Marker, ...]]]:
        """What stands of complaints from `low` to `high`, and the words of each that must not be carried on in clear."""
        fetch = self.connection.fetch
        complaints = await fetch(Q.complaints, low, high)
        words = {row["complaint_id"]: words_of(row["customer_name"], row["body"]) for row in complaints}
        seen = Snapshot(
            taken_at=self.taken_at,
            settled=self.taken_at,
            clock_now=self.clock_now,
            complaints={row["complaint_id"]: _complaint(row) for row in complaints},
            keys=tuple([key async for key in self._keys_up_to(high)]),
            cases={row["complaint_id"]: CaseRow(**row) for row in await fetch(Q.cases, low, high)},
            clocks=tuple(ClockRow(**row) for row in await fetch(Q.clocks, low, high)),
            timers=tuple(TimerRow(**row) for row in await fetch(Q.timers, low, high)),
            ledger=tuple(LedgerRow(**row) for row in await fetch(Q.ledger, low, high)),
            versions={(r["topic"], r["complaint_id"]): r["version"] for r in await fetch(Q.journeys, low, high)},
            notices=tuple(_notice(row) for row in await fetch(Q.notices, low, high)),
            suppressions=self.suppressions,
            token_hashes={row["complaint_id"]: row["token_hash"] for row in await fetch(Q.tokens, low, high)},
            floors=self.floors,
            erased=await self._erased(low, high),
        )
        return seen, {complaint_id: found for complaint_id, found in words.items() if found}

    async def _erased(self, low: UUID, high: UUID) -> dict[UUID, ErasedRow]:
        """What still stands of persons who were erased, their keys among it, where the vault is in the same database."""
        rows = await self.connection.fetch(Q.erased, low, high)
        keys: set[UUID] = set()
        if rows and await self.connection.fetchval(Q.may_ask_vault):
            found = await self.connection.fetch(Q.keys_left, list({row["person_id"] for row in rows}))
            keys = {row["person_id"] for row in found}
        key_left = ("the vault has their key",)
        return {
            row["complaint_id"]: ErasedRow(
                row["since"], (*row["left"], *(key_left if row["person_id"] in keys else ()))
            )
            for row in rows
        }

    async def complaints_by(self, ids: Iterable[UUID]) -> dict[UUID, ComplaintRow]:
        """Complaints by their ids."""
        rows = await self.connection.fetch(Q.some_complaints, list(ids))
        return {row["complaint_id"]: _complaint(row) for row in rows}

    async def twice_referenced(self) -> dict[UUID, ComplaintRow]:
        """Complaints that share their reference."""
        return await self.complaints_by([r["complaint_id"] for r in await self.connection.fetch(Q.twice_referenced)])

    async def keys_by(self, keys: Iterable[UUID]) -> tuple[KeyRow, ...]:
        """What stands of some idempotency keys."""
        return tuple(KeyRow(*row) for row in await self.connection.fetch(Q.some_keys, list(set(keys))))

    async def applied(self, events: Iterable[UUID]) -> dict[str, frozenset[UUID]]:
        """Consumer → which of these events it has applied."""
        found: dict[str, set[UUID]] = defaultdict(set)
        for row in await self.connection.fetch(Q.inbox, list(events)):
            found[row["consumer"]].add(row["event_id"])
        return {consumer: frozenset(ids) for consumer, ids in found.items()}

    async def a_mailed_notice(self) -> tuple[NoticeRow, ...]:
        """A line of the ledger with a Message-ID, if there is one."""
        return tuple(_notice(row) for row in await self.connection.fetch(Q.a_mailed_notice))

    async def _keys_up_to(self, high: UUID) -> AsyncIterator[KeyRow]:
        """The keys of complaints up to `high` that were not answered before: there is no index to find them by."""
        if self._keys is None:
            self._keys = self._stream(Q.keys)
            self._next_key = await anext(self._keys, None)
        while (row := self._next_key) is not None and row["complaint_id"].int <= high.int:
            yield KeyRow(*row)
            self._next_key = await anext(self._keys, None)

    def _stream(self, sql: str) -> AsyncIterator[asyncpg.Record]:
        return aiter(self.connection.cursor(sql, prefetch=_AT_ONCE))


@asynccontextmanager
async def open_tables(dsn: str) -> AsyncIterator[Tables]:
    """The database as it is now, until the block ends.

    Raises:
        StackError: Postgres does not let us in.
    """
    async with (
        operator_connection(dsn) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        # Between the tables, the topics are read: minutes, where there are many records.
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        moment = await connection.fetchrow(Q.moment)
        assert moment is not None
        suppressions = await connection.fetch(Q.suppressions)
        yield Tables(
            connection,
            taken_at=moment["taken_at"],
            clock_now=moment["clock_now"],
            void=frozenset(row["event_id"] for row in await connection.fetch(Q.void)),
            floors={row["consumer"]: row["event_id"] for row in await connection.fetch(Q.floors)},
            suppressions=tuple(Suppression(str(row["person_id"]), row["since"], row["until"]) for row in suppressions),
        )


def _complaint(row: asyncpg.Record) -> ComplaintRow:
    names = ("complaint_id", "reference", "version", "state", "department", "received_at", "accepted_at")
    return ComplaintRow(**{name: row[name] for name in names})


def _notice(row: asyncpg.Record) -> NoticeRow:
    sent = row["state"] == "sent"
    return NoticeRow(
        notice_id=row["notice_id"],
        complaint_id=row["complaint_id"],
        about=str(row["cause_id"]),
        notice=row["kind"],
        channel=row["channel"],
        recipient=str(row["recipient_ref"]),
        state=row["state"],
        message_id=row["message_id"],
        created_at=row["created_at"],
        sent_at=row["settled_at"] if sent else None,
    )


def _outbox(row: asyncpg.Record) -> OutboxRow:
    said: dict[str, Any] = from_json(row["payload"]) if row["headers"] is None and row["payload"] else {}
    return OutboxRow(
        service=row["service"],
        topic=row["topic"],
        event_id=row["event_id"],
        occurred_at=row["occurred_at"],
        complaint_id=_uuid(row["key"]),
        version=said.get("version"),
    )


def _letter(row: asyncpg.Record) -> DeadLetterRow:
    return DeadLetterRow(
        id=row["id"],
        service=row["service"],
        consumer=row["consumer"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        event_id=row["event_id"],
        reason=row["reason"],
        digest=digest_of(row["value"]),
        failed_at=row["failed_at"],
        replayed=row["replayed_at"] is not None,
    )


def _uuid(key: bytes | None) -> UUID | None:
    try:
        return UUID((key or b"").decode("ascii"))
    except ValueError:
        return None
