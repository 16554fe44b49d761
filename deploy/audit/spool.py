"""What the auditor read, in a temporary file that disappears with the process, so that memory does not grow with it.

SQLite's own temporary database: a file without a name in `SQLITE_TMPDIR`, `TMPDIR` or `/var/tmp`, about 6 KB per complaint.
"""

from __future__ import annotations

import json
import marshal
import pickle
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from aiokafka.structs import ConsumerRecord

from deploy.audit.client_log import Answer
from deploy.audit.snapshot import Mail, OutboxRow, Told
from shared.events.topics import DEAD_LETTERS, TOPICS

NAMES = (*(topic.name for topic in TOPICS), DEAD_LETTERS)
_PLACE = {name: number for number, name in enumerate(NAMES)}
_SCHEMA = """
PRAGMA page_size = 8192;
PRAGMA cache_size = -24000;
PRAGMA temp_store = FILE;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE record (number INTEGER PRIMARY KEY, complaint BLOB, topic INT, partition INT, offset INT, at INT, key BLOB,
                     headers BLOB, value BLOB);
CREATE INDEX record_complaint ON record (complaint);
CREATE TABLE unsent (complaint BLOB, row BLOB);
CREATE INDEX unsent_complaint ON unsent (complaint);
CREATE TABLE mark (kind TEXT, value BLOB, complaint BLOB, number INT);
CREATE TABLE loose_cause (cause BLOB, number INT);
CREATE TABLE mail (message_id TEXT, recipients TEXT, tokens TEXT, claimed INT DEFAULT 0);
CREATE INDEX mail_id ON mail (message_id);
CREATE TABLE answer (key BLOB, line TEXT);
CREATE INDEX answer_key ON answer (key);
"""
_RECORD = "number, complaint, topic, partition, offset, at, key, headers, value"
_ODD = 1 << 47
"""Milliseconds; what a record says beyond is no time."""
_HELD = tuple[int, UUID, ConsumerRecord]
"""A record's number in the spool, the complaint its key names, and the record."""


class Spool:
    """Everything read from topics, outboxes, mailbox and client logs, ordered by complaint."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    # -- topics --------------------------------------------------------------------------------------------------------

    def add_records(self, records: Iterable[tuple[UUID, ConsumerRecord]]) -> None:
        """Keep records with the complaint their key names."""
        rows = (
            (
                complaint.bytes, _PLACE[r.topic], r.partition, r.offset, r.timestamp, r.key,
                marshal.dumps(tuple(r.headers or ())), r.value,
            )
            for complaint, r in records
        )  # fmt: skip
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO record (complaint, topic, partition, offset, at, key, headers, value) VALUES (?,?,?,?,?,?,?,?)",
            rows,
        )
        self._db.execute("COMMIT")

    def records(self, low: UUID, high: UUID) -> Iterator[_HELD]:
        """The records of complaints from `low` to `high`, those of one topic in its order."""
        sql = f"SELECT {_RECORD} FROM record WHERE complaint BETWEEN ? AND ? ORDER BY topic, partition, offset"  # noqa: S608
        return (_held(row) for row in self._db.execute(sql, (low.bytes, high.bytes)))

    def numbered(self, numbers: Sequence[int]) -> Iterator[_HELD]:
        """Records by their numbers, in the order of their topics."""
        sql = f"SELECT {_RECORD} FROM record WHERE number = ?"  # noqa: S608
        found = [_held(self._db.execute(sql, (number,)).fetchone()) for number in numbers]
        return iter(sorted(found, key=lambda held: (held[2].topic, held[2].partition, held[2].offset)))

    def begins(self) -> dict[str, datetime]:
        """When the oldest record of each topic was written."""
        found = self._db.execute("SELECT topic, min(at) FROM record GROUP BY topic")
        return {NAMES[topic]: datetime.fromtimestamp(at / 1000, UTC) for topic, at in found if 0 <= at < _ODD}

    def every(self, step: int) -> list[UUID]:
        """The complaint of each so-manieth record, in order."""
        sql = """SELECT complaint FROM (SELECT complaint, row_number() OVER (ORDER BY complaint) AS n FROM record)
                 WHERE n % ? = 0"""
        return [UUID(bytes=row[0]) for row in self._db.execute(sql, (step,))]

    # -- what cannot be judged complaint by complaint ------------------------------------------------------------------

    def begin_pass(self) -> None:
        """Forget what the last pass noted."""
        self._db.executescript(
            "DROP INDEX IF EXISTS mark_value; DELETE FROM mark; DELETE FROM loose_cause; DELETE FROM unsent;"
            "UPDATE mail SET claimed = 0"
        )

    def mark(self, marks: Iterable[tuple[str, bytes, UUID, int]]) -> None:
        """Note values that only one complaint may have: kind, value, complaint, record."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO mark VALUES (?, ?, ?, ?)", ((k, v, complaint.bytes, n) for k, v, complaint, n in marks)
        )
        self._db.execute("COMMIT")

    def note_loose_causes(self, causes: Iterable[tuple[UUID, int]]) -> None:
        """Note records whose cause is none of their own complaint's events."""
        self._db.executemany("INSERT INTO loose_cause VALUES (?, ?)", ((cause.bytes, n) for cause, n in causes))

    def end_pass(self) -> None:
        """Everything is marked."""
        self._db.execute("CREATE INDEX mark_value ON mark (kind, value, complaint)")

    def shared(self, kind: str) -> Iterator[list[int]]:
        """The records of each value that several complaints have."""
        sql = "SELECT value FROM mark WHERE kind = ? GROUP BY kind, value HAVING min(complaint) <> max(complaint)"
        for (value,) in self._db.execute(sql, (kind,)).fetchall():
            yield [
                n for (n,) in self._db.execute("SELECT number FROM mark WHERE kind = ? AND value = ?", (kind, value))
            ]

    def loose_causes(self) -> Iterator[list[int]]:
        """Record and cause where they belong to different complaints."""
        for topic in TOPICS:
            sql = """SELECT l.number, min(m.number) FROM loose_cause l
                     JOIN mark m ON m.kind = ? AND m.value = l.cause GROUP BY l.number"""
            for number, cause in self._db.execute(sql, (f"event {topic.name}",)).fetchall():
                yield [number, cause]

    # -- outboxes, mailbox, client logs --------------------------------------------------------------------------------

    def add_unsent(self, rows: Iterable[tuple[OutboxRow, bytes | None]]) -> None:
        """Keep outbox rows and their payloads by complaint; those about none come with the first complaints."""
        none = UUID(int=0)
        self._db.executemany(
            "INSERT INTO unsent VALUES (?, ?)",
            (((row.complaint_id or none).bytes, pickle.dumps((row, payload))) for row, payload in rows),
        )

    def unsent(self, low: UUID, high: UUID) -> list[tuple[OutboxRow, bytes | None]]:
        """The outbox rows about complaints from `low` to `high`."""
        sql = "SELECT row FROM unsent WHERE complaint BETWEEN ? AND ?"
        return [pickle.loads(row) for (row,) in self._db.execute(sql, (low.bytes, high.bytes))]  # noqa: S301  our own

    def clear_mails(self) -> None:
        """The mailbox is read anew."""
        self._db.execute("DELETE FROM mail")

    def add_mails(self, mails: Iterable[Mail]) -> None:
        """Keep what is in the mailbox."""
        self._db.executemany(
            "INSERT INTO mail (message_id, recipients, tokens) VALUES (?, ?, ?)",
            ((mail.message_id, json.dumps(mail.recipients), json.dumps(mail.tokens)) for mail in mails),
        )

    def claim_mails(self, message_ids: Iterable[str]) -> list[Mail]:
        """The mails with these ids, which somebody accounts for now."""
        found: list[Mail] = []
        for message_id in message_ids:
            rows = self._db.execute(
                "SELECT recipients, tokens FROM mail WHERE message_id = ?", (message_id,)
            ).fetchall()
            if rows:
                self._db.execute("UPDATE mail SET claimed = 1 WHERE message_id = ?", (message_id,))
                found += (_mail(message_id, *row) for row in rows)
        return found

    def unclaimed_mails(self) -> list[Mail]:
        """The mails nobody accounts for."""
        return [
            _mail(*row) for row in self._db.execute("SELECT message_id, recipients, tokens FROM mail WHERE claimed = 0")
        ]

    def add_answers(self, answers: Iterable[Answer]) -> None:
        """Keep what clients were answered."""
        self._db.executemany("INSERT INTO answer VALUES (?, ?)", ((a.key.bytes, a.line()) for a in answers))

    def answers(self, step: int) -> Iterator[list[Answer]]:
        """All answers in groups of at least so many; those to one key are in one group."""
        group: list[Answer] = []
        for (line,) in self._db.execute("SELECT line FROM answer ORDER BY key, rowid"):
            answer = Answer.read(line)
            if len(group) >= step and group[-1].key != answer.key:
                yield group
                group = []
            group.append(answer)
        if group:
            yield group


def marks_of(number: int, told: Told) -> Iterator[tuple[str, bytes, UUID, int]]:
    """What of an event only one complaint may have."""
    yield f"event {told.topic}", told.event_id.bytes, told.complaint_id, number
    if told.name == "complaint.submitted":
        yield "link", str(told.data.get("progress_token_hash")).encode(), told.complaint_id, number
    elif told.name == "notice.sent":
        yield "notice", str(told.data["notice_id"]).encode(), told.complaint_id, number


def _held(row: Sequence[object]) -> _HELD:
    number, complaint, topic, partition, offset, at, key, headers, value = row
    record = ConsumerRecord(
        NAMES[topic], partition, offset, at, 0, key, value, None, -1, -1, marshal.loads(headers)  # type: ignore[call-overload, arg-type]  # noqa: S302  our own
    )  # fmt: skip
    return number, UUID(bytes=complaint), record  # type: ignore[arg-type, return-value]


def _mail(message_id: str, recipients: str, tokens: str) -> Mail:
    return Mail(
        message_id=message_id, recipients=tuple(json.loads(recipients)), subject="", tokens=tuple(json.loads(tokens))
    )
