"""Reads the four schemas in one transaction, so that they are seen at one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import from_json

from deploy.audit.clear_text import ClearText, words_of
from deploy.audit.read_topics import digest_of
from deploy.audit.snapshot import (
    CaseRow,
    ClockRow,
    ComplaintRow,
    DeadLetterRow,
    KeyRow,
    LedgerRow,
    NoticeRow,
    OutboxRow,
    Snapshot,
    Suppression,
    TimerRow,
)
from deploy.database import operator_connection
from shared.runtime.kafka import unpack_headers
from shared.runtime.pg import load_queries

Q = load_queries("deploy.audit")
Rows = Sequence[asyncpg.Record]


async def read_tables(dsn: str, clear_text: ClearText) -> Snapshot:
    """A snapshot with everything that is in the database; the contacts and words found there are added to `clear_text`.

    Raises:
        StackError: Postgres does not let us in.
    """
    async with (
        operator_connection(dsn) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        moment = await connection.fetchrow(Q.moment)
        assert moment is not None
        complaints = await connection.fetch(Q.complaints)
        _learn(complaints, clear_text)
        outbox = await connection.fetch(Q.outbox)
        letters = await connection.fetch(Q.dead_letters)
        _search(outbox, letters, clear_text)
        return Snapshot(
            taken_at=moment["taken_at"],
            settled=moment["taken_at"],
            clock_now=moment["clock_now"],
            complaints={row["complaint_id"]: _complaint(row) for row in complaints},
            keys=tuple(KeyRow(*row) for row in await connection.fetch(Q.keys)),
            cases={row["complaint_id"]: CaseRow(**row) for row in await connection.fetch(Q.cases)},
            clocks=tuple(ClockRow(**row) for row in await connection.fetch(Q.clocks)),
            timers=tuple(TimerRow(**row) for row in await connection.fetch(Q.timers)),
            ledger=tuple(LedgerRow(**row) for row in await connection.fetch(Q.ledger)),
            versions={(r["topic"], r["complaint_id"]): r["version"] for r in await connection.fetch(Q.journeys)},
            notices=tuple(_notice(row) for row in await connection.fetch(Q.notices)),
            suppressions=tuple(
                Suppression(str(row["person_id"]), row["since"]) for row in await connection.fetch(Q.suppressions)
            ),
            token_hashes={row["complaint_id"]: row["token_hash"] for row in await connection.fetch(Q.tokens)},
            outbox=tuple(map(_outbox, outbox)),
            void=frozenset(row["event_id"] for row in await connection.fetch(Q.void)),
            inbox=_inbox(await connection.fetch(Q.inbox)),
            dead_letters=tuple(map(_letter, letters)),
        )


def _learn(complaints: Rows, clear_text: ClearText) -> None:
    contacts = {row[name].lower().encode() for row in complaints for name in ("email", "phone") if row[name]}
    clear_text.contacts = frozenset(contacts)
    clear_text.words = {
        row["complaint_id"]: words_of(row["customer_name"], row["body"])
        for row in complaints
        if row["customer_name"] or row["body"]
    }


def _search(outbox: Rows, letters: Rows, clear_text: ClearText) -> None:
    for row in outbox:
        clear_text.search(row["payload"], f"the outbox of {row['service']}", _uuid(row["key"]))
    for row in letters:
        blobs: Iterable[bytes | None] = (value for _, value in unpack_headers(row["headers"]))
        for blob in (row["value"], row["key"], row["detail"].encode(), *blobs):
            clear_text.search(blob, f"the dead letters of {row['service']}", _uuid(row["key"]))


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


def _inbox(rows: Rows) -> dict[str, frozenset[UUID]]:
    found: dict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        found[row["consumer"]].add(row["event_id"])
    return {consumer: frozenset(ids) for consumer, ids in found.items()}


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
