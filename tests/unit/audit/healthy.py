"""A healthy world for tests of the auditor: one complaint from its filing to its closing, told and stored without fault."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from deploy.audit.client_log import Answer
from deploy.audit.snapshot import (
    READERS,
    CaseRow,
    ClockRow,
    ComplaintRow,
    DeadLetterRow,
    DeadRecord,
    ErasedRow,
    KeyRow,
    LedgerRow,
    Mail,
    NoticeRow,
    Poison,
    Snapshot,
    TimerRow,
    Told,
)
from shared.events.topics import DEAD_LETTERS, TOPICS

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECEIVED = NOW - timedelta(hours=5)
COMPLAINT = UUID(int=0x0193_0000_0000_7000_8000_000000000001)
KEY = UUID(int=77)
TOKEN = "c0ffee-c0ffee-c0ffee-c0ffee"
TOKEN_HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MESSAGE_ID = "<notice-1@redress.example>"
WHOLE = frozenset({*(topic.name for topic in TOPICS), DEAD_LETTERS})


def event_id(number: int) -> UUID:
    return UUID(int=0x0193_0000_0000_7000_8000_000000001000 + number)


def told(
    number: int,
    topic: str,
    kind: str,
    version: int,
    cause: UUID | str | None = None,
    minute: int | None = None,
    **data: Any,
) -> Told:
    """One record; numbers order the records of the world, minutes count from receipt."""
    at = RECEIVED + timedelta(minutes=number if minute is None else minute)
    return Told(
        topic=f"complaints.{topic}",
        partition=1,
        offset=number,
        at=at,
        type=f"{kind}.v1",
        event_id=event_id(number),
        complaint_id=COMPLAINT,
        version=version,
        cause_kind="event" if isinstance(cause, UUID) else "request" if cause is None else "timer",
        cause_id=str(cause) if cause is not None else f"request-{number}",
        occurred_at=at,
        digest=number.to_bytes(4, "big"),
        traceparent=TRACE,
        data=data,
    )


def clock(kind: str, epoch: int = 1, due: str | None = "2026-11-23T09:00:00Z") -> dict[str, Any]:
    return {"kind": kind, "epoch": epoch, "state": "running", "started_at": RECEIVED.isoformat(), "due_at": due}


def deadline(level: str, due: datetime, fired: datetime, late: bool = False, kind: str = "journey") -> dict[str, Any]:
    return {
        "clock": kind,
        "clock_epoch": 1,
        "level": level,
        "due_at": due.isoformat(),
        "fired_at": fired.isoformat(),
        "late": late,
    }


def life() -> tuple[Told, ...]:
    """Filed, assigned, clocks, acknowledged, accepted, asked, answered, warned, resolved, confirmed, closed."""
    due = RECEIVED + timedelta(minutes=40)
    return (
        told(1, "intake", "complaint.submitted", 1, progress_token_hash=TOKEN_HASH),
        told(2, "routing", "complaint.assigned", 1, event_id(1), epoch=1, department="delivery", previous_department=None),
        told(3, "sla", "clock.started", 1, event_id(2), clocks=[clock("journey"), clock("owner"), clock("silence")]),
        told(4, "notices", "notice.sent", 1, event_id(3), notice="acknowledgement", notice_id=str(UUID(int=501)),
             channel="email", about=str(event_id(3)), message_id=MESSAGE_ID),
        told(5, "routing", "complaint.accepted", 2, epoch=1, department="delivery"),
        told(6, "routing", "customer.asked", 3, epoch=1, department="delivery"),
        told(7, "sla", "clock.paused", 2, event_id(6), clocks=[clock("owner", due=None)]),
        told(8, "notices", "customer.replied", 2),
        told(9, "routing", "customer.answered", 4, event_id(8), epoch=1, department="delivery"),
        told(10, "sla", "clock.resumed", 3, event_id(9), clocks=[clock("owner", due="2026-11-23T10:00:00Z")]),
        told(41, "sla", "deadline.warned", 4, "journey|warn_50|1", **deadline("warn_50", due, due + timedelta(seconds=1))),
        told(50, "routing", "resolution.proposed", 5, epoch=1, department="delivery"),
        told(51, "sla", "clock.started", 5, event_id(50), clocks=[clock("confirmation")]),
        told(60, "notices", "complaint.confirmed", 3),
        told(61, "routing", "complaint.closed", 6, event_id(60), epoch=1, department="delivery", how="confirmed"),
        told(62, "sla", "clock.stopped", 6, event_id(61),
             clocks=[clock(k) for k in ("journey", "owner", "silence", "confirmation")]),
    )  # fmt: skip


def inbox_of(records: Sequence[Told]) -> dict[str, frozenset[UUID]]:
    """Every reader has applied everything."""
    found: dict[str, set[UUID]] = {}
    for record in records:
        for reader in READERS[record.type]:
            found.setdefault(reader, set()).add(record.event_id)
    return {reader: frozenset(ids) for reader, ids in found.items()}


def world() -> Snapshot:
    """The whole snapshot, with a poison record that was buried properly."""
    records = life()
    place = {"topic": "complaints.intake", "partition": 0, "offset": 9}
    poison_at = RECEIVED + timedelta(minutes=3)
    return Snapshot(
        erased={UUID(int=COMPLAINT.int + 9): ErasedRow(RECEIVED, ())},
        taken_at=NOW,
        settled=NOW,
        clock_now=NOW,
        complaints={
            COMPLAINT: ComplaintRow(
                complaint_id=COMPLAINT, reference="R-4K7M-2XA9", version=1, state="closed", department="delivery",
                received_at=RECEIVED, accepted_at=RECEIVED,
            )
        },
        keys=(KeyRow("shop", KEY, COMPLAINT),),
        cases={
            COMPLAINT: CaseRow(
                complaint_id=COMPLAINT, reference="R-4K7M-2XA9", department="delivery", state="closed", version=6,
                epoch=1, stage=1,
            )
        },
        clocks=tuple(
            ClockRow(
                complaint_id=COMPLAINT, kind=kind, epoch=1, state="stopped", started_at=RECEIVED, due_at=None,
                stopped_at=RECEIVED + timedelta(minutes=62),
            )
            for kind in ("journey", "owner", "silence", "confirmation")
        ),
        timers=(),
        ledger=tuple(
            LedgerRow(
                complaint_id=COMPLAINT, line=line, since=RECEIVED + timedelta(minutes=since),
                until=RECEIVED + timedelta(minutes=until), received_at=RECEIVED, closed_at=RECEIVED + timedelta(minutes=61),
            )
            for line, (since, until) in enumerate(((0, 2), (2, 50), (50, 61)), 1)
        ),
        versions={("complaints.sla", COMPLAINT): 6, ("complaints.notices", COMPLAINT): 3},
        notices=(
            NoticeRow(
                notice_id=UUID(int=501), complaint_id=COMPLAINT, about=str(event_id(3)), notice="acknowledgement",
                channel="email", recipient="person-1", state="sent", message_id=MESSAGE_ID,
                created_at=RECEIVED + timedelta(minutes=3), sent_at=RECEIVED + timedelta(minutes=4),
            ),
        ),
        inbox=inbox_of(records),
        told=records,
        poison=(Poison(**place, at=poison_at, reason="bad_json", digest=b"bad", consumers=frozenset({"router", "notifier"})),),
        dead_letters=tuple(
            DeadLetterRow(**place, id=number, service=service, consumer=service, event_id=None, reason="bad_json",
                          digest=b"bad", failed_at=poison_at)
            for number, service in enumerate(("router", "notifier"), 1)
        ),
        dead_records=tuple(DeadRecord(**place, consumer=service, digest=b"bad") for service in ("router", "notifier")),
        whole_topics=WHOLE,
        mailbox=(Mail(message_id=MESSAGE_ID, recipients=("customer@example.com",), subject="R-4K7M-2XA9", tokens=(TOKEN,)),),
        mailbox_whole=True,
        answers=(Answer(client="shop", key=KEY, status=201, complaint_id=COMPLAINT, reference="R-4K7M-2XA9"),),
        token_hashes={COMPLAINT: TOKEN_HASH},
        scanned=20,
        security_lines=3,
        departments=frozenset({"delivery", "billing", "after-sales", "triage", "complaints-office"}),
    )  # fmt: skip


def without(seen: Snapshot, *numbers: int) -> Snapshot:
    """The world without some records."""
    gone = {event_id(number) for number in numbers}
    return replace(seen, told=tuple(record for record in seen.told if record.event_id not in gone))


def plus(seen: Snapshot, *records: Told) -> Snapshot:
    """The world with further records, applied by their readers."""
    everything = tuple(sorted((*seen.told, *records), key=lambda r: (r.topic, r.partition, r.offset)))
    return replace(seen, told=everything, inbox=inbox_of(everything))


def changed(seen: Snapshot, number: int, **changes: Any) -> Snapshot:
    """The world with one record changed; `data=` is merged."""
    data = changes.pop("data", {})
    return replace(
        seen,
        told=tuple(
            replace(record, **changes, data={**record.data, **data}) if record.event_id == event_id(number) else record
            for record in seen.told
        ),
    )


def timer(due: datetime) -> TimerRow:
    return TimerRow(complaint_id=COMPLAINT, kind="owner", epoch=1, level="breach", due_at=due)
