"""What the auditor looks at: rows and records as plain values, read once, judged by pure functions.

The database is read in one transaction and the topics after it, so a record can be newer than the rows; functions that
compare the two leave out what is younger than `settled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from deploy.audit.client_log import Answer
from shared.events.topics import TOPICS, types_read_by

SERVICES = ("intake", "router", "sla", "notifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintRow:
    """A complaint in intake's own table; `version` counts intake's events about it."""

    complaint_id: UUID
    reference: str
    version: int
    state: str
    department: str | None
    received_at: datetime
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An idempotency key that was used, the client it is scoped to, and the complaint it stands for."""

    client: str
    key: UUID
    complaint_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case in the router's table; `version` counts the router's events about it."""

    complaint_id: UUID
    reference: str
    department: str | None
    state: str
    version: int
    epoch: int
    stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRow:
    """A clock in sla's table; `due_at` is None while it is paused."""

    complaint_id: UUID
    kind: str
    epoch: int
    state: str
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None = None
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRow:
    """A level of a clock that has not fired yet; `due_at` is when it has to."""

    complaint_id: UUID
    kind: str
    epoch: int
    level: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A stretch of a closed complaint's journey, which runs from `received_at` to `closed_at`."""

    complaint_id: UUID
    line: int
    since: datetime
    until: datetime
    received_at: datetime
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """A line of notifier's send ledger. `recipient` is a reference or a hash, never an address."""

    notice_id: UUID
    complaint_id: UUID
    about: str
    notice: str
    channel: str
    recipient: str | None
    state: str
    message_id: str | None
    created_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasedRow:
    """A complaint of a person who was erased.

    Attributes:
        since: when that was, or when it was filed if that was later.
        left: what still stands, each as the end of a sentence.
    """

    since: datetime
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """A recipient who is not to be written to, since when and until when."""

    recipient: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A committed event that the broker has not acknowledged yet."""

    service: str
    topic: str
    event_id: UUID
    occurred_at: datetime
    complaint_id: UUID | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """A record that a consumer could not process; `digest` is of the bytes kept."""

    id: int
    service: str
    consumer: str
    topic: str
    partition: int
    offset: int
    event_id: UUID | None
    reason: str
    digest: bytes
    failed_at: datetime
    replayed: bool = False

    @property
    def place(self) -> tuple[str, str, int, int]:
        """Who could not process which record."""
        return (self.consumer, self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A record of a topic that is an event. `data` is its JSON without sealed texts."""

    topic: str
    partition: int
    offset: int
    at: datetime
    type: str
    event_id: UUID
    complaint_id: UUID
    version: int
    cause_kind: str
    cause_id: str
    occurred_at: datetime
    digest: bytes
    traceparent: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The type without its major version, such as `complaint.submitted`."""
        return self.type.rpartition(".v")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A record of a topic that is no event to `consumers`, and why (`shared.runtime.errors.Reason`)."""

    topic: str
    partition: int
    offset: int
    at: datetime
    reason: str
    digest: bytes
    consumers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRecord:
    """A record of the dead-letter topic, with what its headers say about where it came from."""

    consumer: str
    topic: str
    partition: int
    offset: int
    digest: bytes

    @property
    def place(self) -> tuple[str, str, int, int]:
        """Who could not process which record."""
        return (self.consumer, self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message in the mail catcher. `tokens` are those of the progress links in it."""

    message_id: str
    recipients: tuple[str, ...]
    subject: str
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leak:
    """Text in clear where it must not be: which text (by name, not repeated), and where."""

    what: str
    where: str
    complaint_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was read of some complaints, or of all, and when.

    Attributes:
        taken_at: the database's clock as the tables were read.
        settled: what is younger than this may still be under way and is not judged.
        versions: (topic, complaint) → how many events its writer has committed, for sla and notifier.
        inbox: consumer → ids of the events it has applied.
        floors: consumer → the smallest event id of which its inbox still knows whether it was applied.
        whole_topics: topics of which no record has expired.
        mailbox: None when there is no mail catcher to read.
        mailbox_whole: the mail catcher still has everything it ever received.
        clock_now: the clock deadlines are due by; tests move it.
        scanned: how many places were searched for text in clear.
        contacts: customers' addresses and phone numbers, to be searched for.
        departments: those of the policy packs; None where no policies were read.
        security_lines: how many lines the security log has; `broken_lines` are those at which its chain is broken.
        token_hashes: complaint → SHA-256 (hex) of its progress token, as notifier keeps it.
    """

    taken_at: datetime
    settled: datetime
    clock_now: datetime
    complaints: Mapping[UUID, ComplaintRow] = field(default_factory=dict)
    keys: tuple[KeyRow, ...] = ()
    cases: Mapping[UUID, CaseRow] = field(default_factory=dict)
    clocks: tuple[ClockRow, ...] = ()
    timers: tuple[TimerRow, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    versions: Mapping[tuple[str, UUID], int] = field(default_factory=dict)
    notices: tuple[NoticeRow, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    inbox: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    floors: Mapping[str, UUID] = field(default_factory=dict)
    dead_letters: tuple[DeadLetterRow, ...] = ()
    told: tuple[Told, ...] = ()
    poison: tuple[Poison, ...] = ()
    dead_records: tuple[DeadRecord, ...] = ()
    whole_topics: frozenset[str] = frozenset()
    mailbox: tuple[Mail, ...] | None = None
    mailbox_whole: bool = False
    answers: tuple[Answer, ...] = ()
    token_hashes: Mapping[UUID, str] = field(default_factory=dict)
    erased: Mapping[UUID, ErasedRow] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    scanned: int = 0
    contacts: frozenset[bytes] = field(default=frozenset(), repr=False)
    departments: frozenset[str] | None = None
    security_lines: int = 0
    broken_lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which, of which complaint, and what is wrong in one sentence without personal data."""

    invariant: str
    complaint_id: UUID | None
    what: str


READERS: Mapping[str, frozenset[str]] = {
    kind: frozenset(service for service in SERVICES if any(kind in kinds for kinds in types_read_by(service).values()))
    for topic in TOPICS
    for kind in (str(event.model_fields["type"].default) for event in topic.events)
}
"""Event type → services that must have it in their inbox."""
SUBSCRIBERS: Mapping[str, frozenset[str]] = {
    topic.name: frozenset(service for service in SERVICES if topic.name in types_read_by(service)) for topic in TOPICS
}
"""Topic → services that see every record of it, so that each judges its poison."""
WRITER_OF: Mapping[str, str] = {topic.name: topic.writer for topic in TOPICS}
