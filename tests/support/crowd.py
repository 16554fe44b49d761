"""A crowd of closed complaints, healthy in every table and on every topic, put there in bulk: what the auditor meets after a while.

`python -m tests.support.crowd DSN BOOTSTRAP COUNT` fills a migrated database and existing topics.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from deploy.audit.snapshot import READERS
from deploy.docs.golden import sample
from shared.events.reference import reference_of
from shared.events.topics import EVENT_TYPES, TOPIC_OF
from shared.runtime.kafka import cloud_event_headers, make_producer

_AT_ONCE = 2_000
_SEALED = "s1." + "c2VhbGVkIHRleHQ" * 40
_SPACE = UUID(int=7)
#: Topic version, type, kind of the cause (index of an event, or None for a request), further fields.
_LIFE: tuple[tuple[int, str, int | None, dict[str, Any]], ...] = (
    (1, "complaint.submitted.v1", None, {"text": _SEALED}),
    (1, "complaint.assigned.v1", 0, {"epoch": 1, "previous_department": None}),
    (1, "clock.started.v1", 1, {}),
    (1, "notice.sent.v1", 2, {"notice": "acknowledgement"}),
    (2, "complaint.accepted.v1", None, {}),
    (3, "progress.reported.v1", None, {"text": _SEALED}),
    (2, "notice.sent.v1", 5, {"notice": "progress"}),
    (4, "resolution.proposed.v1", None, {"text": _SEALED}),
    (5, "complaint.closed.v1", None, {"how": "no_answer"}),
    (2, "clock.stopped.v1", 8, {}),
)
_MODELS = [EVENT_TYPES[kind] for _, kind, _, _ in _LIFE]
_MINIMAL = [json.loads(sample(model, full=False).model_dump_json()) for model in _MODELS]


@dataclass(frozen=True, slots=True)
class Member:
    """One complaint of the crowd; all its values follow from its number and when the crowd began."""

    number: int
    began: datetime

    @property
    def at(self) -> datetime:
        return self.began + timedelta(milliseconds=self.number)

    @property
    def complaint_id(self) -> UUID:
        return self.drawn("complaint")

    @property
    def reference(self) -> str:
        return reference_of(self.number)

    @property
    def token_hash(self) -> str:
        return hashlib.sha256(str(self.number).encode()).hexdigest()

    def drawn(self, what: str) -> UUID:
        """A UUIDv7 of the complaint's moment."""
        chance = uuid5(_SPACE, f"{self.number} {what}").int & ((1 << 62) - 1)
        return UUID(
            int=int(self.at.timestamp() * 1000) << 80 | 0x7 << 76 | (self.number & 0xFFF) << 64 | 0b10 << 62 | chance
        )

    def message_id(self, place: int) -> str:
        return f"<{self.number}.{place}@crowd.example>"

    def events(self) -> Iterator[tuple[str, str, UUID, dict[str, Any]]]:
        """Topic, type, event id and content of each event, in order."""
        for place, (version, kind, cause, fields) in enumerate(_LIFE):
            told = {
                **_MINIMAL[place], **fields,
                "event_id": str(self.drawn(f"event {place}")), "complaint_id": str(self.complaint_id),
                "reference": self.reference, "version": version, "occurred_at": self.at.isoformat(),
                "cause": {"kind": "request", "id": f"request-{self.number}-{place}", "actor": "client:crowd"},
            }  # fmt: skip
            if cause is not None:
                told["cause"] = {"kind": "event", "id": str(self.drawn(f"event {cause}")), "actor": "policy"}
            if kind == "complaint.submitted.v1":
                told["progress_token_hash"] = self.token_hash
            elif kind == "notice.sent.v1":
                told["notice_id"] = told["about"] = str(self.drawn(f"notice {place}"))
                told["message_id"] = self.message_id(place)
            elif kind.startswith("clock."):
                told["clocks"] = [
                    {"kind": name, "epoch": 1, "state": "running", "started_at": self.at.isoformat(), "due_at": None}
                    for name in ("journey", "owner")
                ]
            yield TOPIC_OF[_MODELS[place]].name, kind, UUID(told["event_id"]), told


async def fill(dsn: str, bootstrap: str, count: int, began: datetime | None = None, *, first: int = 1) -> list[Member]:
    """Put a crowd into the tables and onto the topics: the complaints from number `first` to `count`."""
    began = began or datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    crowd = [Member(number, began) for number in range(first, count + 1)]
    connection = await asyncpg.connect(dsn)
    producer = make_producer(bootstrap, "crowd")
    await producer.start()
    try:
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=str.encode, decoder=bytes.decode, format="binary"
        )
        for start in range(0, len(crowd), _AT_ONCE):
            some = crowd[start : start + _AT_ONCE]
            await _rows(connection, some)
            await publish(
                producer, ((topic, kind, told) for member in some for topic, kind, _, told in member.events())
            )
    finally:
        await producer.stop()
        await connection.execute("ANALYZE")
        await connection.close()
    return crowd


async def publish(producer: Any, events: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
    """Put events on their topics, each complaint's on one partition."""
    waiting: dict[tuple[str, int], Any] = {}
    sent = []
    for topic, kind, told in events:
        key = told["complaint_id"].encode()
        at = datetime.fromisoformat(told["occurred_at"])
        headers = cloud_event_headers("/crowd", UUID(told["event_id"]), kind, key, at, _trace(told))
        place = topic, UUID(told["complaint_id"]).int % len(await producer.partitions_for(topic))
        record = {
            "key": key,
            "value": json.dumps(told).encode(),
            "timestamp": int(at.timestamp() * 1000),
            "headers": headers,
        }
        if place not in waiting or waiting[place].append(**record) is None:
            if place in waiting:
                sent.append(await producer.send_batch(waiting[place], topic, partition=place[1]))
            waiting[place] = producer.create_batch()
            assert waiting[place].append(**record) is not None
    sent += [
        await producer.send_batch(batch, topic, partition=partition) for (topic, partition), batch in waiting.items()
    ]
    await asyncio.gather(*sent)


def _trace(told: dict[str, Any]) -> str:
    return f"00-{UUID(told['complaint_id']).hex}-b7ad6b7169203331-01"


async def _rows(connection: Any, some: list[Member]) -> None:
    closed = timedelta(minutes=5)

    async def copy(table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        schema, _, name = table.partition(".")
        await connection.copy_records_to_table(name, schema_name=schema, columns=columns.split(), records=list(rows))

    text = "The parcel with my order has never come, and nobody answers the phone. " * 8
    await copy(
        "intake.complaint",
        "complaint_id reference client_id pack channel language received_at accepted_at person_id body customer_name email"
        " email_hash version",
        (
            (m.complaint_id, m.reference, 1, "retail", "web", "en", m.at, m.at, m.drawn("person"), f"{m.number}: {text}",
             f"Customer number {m.number}", f"customer-{m.number}@crowd.example", str(m.number).encode(), 1)
            for m in some
        ),
    )  # fmt: skip
    await copy(
        "intake.standing",
        "complaint_id state department seen_version",
        ((m.complaint_id, "closed", "delivery", 5) for m in some),
    )
    await copy(
        "intake.idempotency", "client_id key digest complaint_id answer answered_at",
        ((1, m.drawn("key"), b"", m.complaint_id, "{}", m.at) for m in some),
    )  # fmt: skip
    await copy(
        "router.cases",
        "complaint_id reference person_id pack channel language received_at department state since version owners closed_how"
        " priority rule policy_version why_zh why_en clock_version",
        (
            (m.complaint_id, m.reference, m.drawn("person"), "retail", "web", "en", m.at, "delivery", "closed", m.at, 5,
             ["delivery"], "no_answer", "normal", "r", "v", "", "", 2)
            for m in some
        ),
    )  # fmt: skip
    await copy(
        "sla.journey", "complaint_id reference phase received_at closed_at facts clocks fired version",
        (
            (m.complaint_id, m.reference, "closed", m.at, m.at + closed, "{}", json.dumps([
                {"kind": kind, "epoch": 1, "state": "stopped", "started_at": m.at.isoformat(), "due_at": None,
                 "stopped_at": (m.at + closed).isoformat()} for kind in ("journey", "owner")
            ]), "[]", 2)
            for m in some
        ),
    )  # fmt: skip
    await copy(
        "sla.ledger", "complaint_id line party epoch since until open",
        ((m.complaint_id, 1, "us", 1, m.at, m.at + closed, closed) for m in some),
    )  # fmt: skip
    await copy(
        "notifier.journey",
        "complaint_id reference pack language told reachable erased acknowledged phase epoch clock_epoch stage replied held"
        " intake_version router_version sla_version own_version",
        (
            (
                m.complaint_id,
                m.reference,
                "retail",
                "en",
                True,
                True,
                False,
                "full",
                "closed",
                1,
                1,
                1,
                False,
                False,
                1,
                5,
                2,
                2,
            )
            for m in some
        ),
    )
    await copy(
        "notifier.contact", "complaint_id person_id token_hash",
        ((m.complaint_id, m.drawn("person"), bytes.fromhex(m.token_hash)) for m in some),
    )  # fmt: skip
    await copy(
        "notifier.notice",
        "complaint_id notice_id kind cause_id recipient_ref epoch variant state message_id created_at due_since settled_at",
        (
            (m.complaint_id, m.drawn(f"notice {p}"), kind, m.drawn(f"event {c}"), m.drawn("person"), 1, "", "sent",
             m.message_id(p), m.at, m.at, m.at)
            for m in some for p, c, kind in ((3, 2, "acknowledgement"), (6, 5, "progress"))
        ),
    )  # fmt: skip
    applied = [(reader, event_id) for m in some for _, kind, event_id, _ in m.events() for reader in READERS[kind]]
    for service in ("intake", "router", "sla", "notifier"):
        await copy(f"{service}.inbox", "consumer event_id", (row for row in applied if row[0] == service))


if __name__ == "__main__":
    asyncio.run(fill(sys.argv[1], sys.argv[2], int(sys.argv[3])))
