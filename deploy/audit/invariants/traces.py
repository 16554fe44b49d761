"""I19: what an event causes stays in the event's trace, across outbox and Kafka."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.audit.history import distinct
from deploy.audit.snapshot import Snapshot, Told, Violation


def check(seen: Snapshot) -> Iterator[Violation]:
    """The trace id of an event equals that of the event that caused it. Timers and requests begin traces of their own."""
    events = {str(record.event_id): record for record in distinct(seen.told)}
    for record in events.values():
        cause = events.get(record.cause_id) if record.cause_kind == "event" else None
        if cause is None or cause.traceparent is None:
            continue
        if record.traceparent is None:
            yield Violation("I19", record.complaint_id, f"{record.type} lost the trace of {cause.type}")
        elif trace_id(record) != trace_id(cause):
            yield Violation("I19", record.complaint_id, f"{record.type} is in another trace than {cause.type}")


def size(seen: Snapshot) -> int:
    """How many events have a trace."""
    return sum(record.traceparent is not None for record in seen.told)


def trace_id(record: Told) -> str | None:
    """The trace id of W3C `traceparent`: its second field."""
    parts = (record.traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None
