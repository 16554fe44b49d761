"""I3, I7, I8: one clock of a kind, every deadline fires once and in time, nothing fires on a stopped clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from deploy.audit.history import by_complaint, distinct
from deploy.audit.snapshot import LedgerRow, Snapshot, Told, Violation

TOPIC = "complaints.sla"
IN_TIME = timedelta(seconds=60)
"""How long after it was due a level may fire without being called late."""
SKEW = timedelta(milliseconds=5)
"""Times travel with millisecond precision in some places."""
_FIRED = frozenset({"deadline.warned", "deadline.breached", "complaint.escalated"})
_LIVE = frozenset({"running", "paused"})


def check_single(seen: Snapshot) -> Iterator[Violation]:
    """I3: at most one live clock of a kind, one row per epoch, and a journey that never restarts."""
    rows: dict[tuple[UUID, str, int], int] = defaultdict(int)
    live: dict[tuple[UUID, str], int] = defaultdict(int)
    for row in seen.clocks:
        rows[row.complaint_id, row.kind, row.epoch] += 1
        live[row.complaint_id, row.kind] += row.state in _LIVE
        if row.kind == "journey":
            yield from _journey_row(seen, row.complaint_id, row.epoch, row.started_at)
    for (complaint_id, kind, epoch), count in rows.items():
        if count > 1:
            yield Violation("I3", complaint_id, f"{count} {kind} clocks of epoch {epoch}")
    for (complaint_id, kind), count in live.items():
        if count > 1:
            yield Violation("I3", complaint_id, f"{count} {kind} clocks run at once")
    yield from _unclocked(seen)
    yield from _restarted(seen)


def size_single(seen: Snapshot) -> int:
    """How many clocks were looked at."""
    return len(seen.clocks)


def _journey_row(seen: Snapshot, complaint_id: UUID, epoch: int, started_at: datetime) -> Iterator[Violation]:
    complaint = seen.complaints.get(complaint_id)
    if epoch != 1:
        yield Violation("I3", complaint_id, f"its journey clock is of epoch {epoch}: it was started again")
    if complaint is not None and abs(started_at - complaint.received_at) > SKEW:
        yield Violation("I3", complaint_id, "its journey clock did not start when the complaint was received")


def _unclocked(seen: Snapshot) -> Iterator[Violation]:
    """An owned complaint has its journey clock, and an open one the owner clock of its epoch."""
    kinds: dict[UUID, set[tuple[str, int]]] = defaultdict(set)
    for row in seen.clocks:
        kinds[row.complaint_id].add((row.kind, row.epoch))
    for complaint_id, history in by_complaint(seen.told, "complaints.routing", "complaint.assigned").items():
        if history[0].at <= seen.settled and not any(kind == "journey" for kind, _ in kinds[complaint_id]):
            yield Violation("I3", complaint_id, "it is owned, yet has no journey clock")
        case = seen.cases.get(complaint_id)
        settled = history[-1].at <= seen.settled
        if case is not None and settled and case.state in {"assigned", "accepted", "in_progress"}:
            owners = {epoch for kind, epoch in kinds[complaint_id] if kind == "owner"}
            if not owners:
                yield Violation("I3", complaint_id, "it is owned, yet has no owner clock")


def _restarted(seen: Snapshot) -> Iterator[Violation]:
    """What was told of a clock: each epoch starts once, and the journey keeps its first start."""
    started: dict[tuple[UUID, str, int], UUID] = {}
    for record in distinct(seen.told):
        if record.name != "clock.started":
            continue
        for clock in record.data["clocks"]:
            mark = (record.complaint_id, clock["kind"], clock["epoch"])
            if started.setdefault(mark, record.event_id) != record.event_id:
                what = f"its {clock['kind']} clock of epoch {clock['epoch']} was started twice"
                yield Violation("I3", record.complaint_id, what)


def check_fired(seen: Snapshot) -> Iterator[Violation]:
    """I7: every level fires once, not before it is due, and within a minute unless it says that it is late."""
    fired: dict[tuple[Any, ...], UUID] = {}
    for record in distinct(seen.told):
        if record.name not in _FIRED:
            continue
        data = record.data
        mark = (record.complaint_id, data["clock"], data["clock_epoch"], data["level"])
        name = f"{data['level']} of its {data['clock']} clock, epoch {data['clock_epoch']},"
        if fired.setdefault(mark, record.event_id) != record.event_id:
            yield Violation("I7", record.complaint_id, f"{name} fired twice")
        due, at = _moment(data["due_at"]), _moment(data["fired_at"])
        if at < due:
            yield Violation("I7", record.complaint_id, f"{name} fired {due - at} too early")
        if at - due > IN_TIME and not data.get("late"):
            yield Violation("I7", record.complaint_id, f"{name} fired {at - due} late and does not say so")
    for timer in seen.timers:
        if timer.due_at + IN_TIME < seen.clock_now:
            what = f"{timer.level} of its {timer.kind} clock, epoch {timer.epoch}, was due and has not fired"
            yield Violation("I7", timer.complaint_id, what)


def size_fired(seen: Snapshot) -> int:
    """How many fired and waiting levels were looked at."""
    return sum(record.name in _FIRED for record in seen.told) + len(seen.timers)


def check_stopped(seen: Snapshot) -> Iterator[Violation]:
    """I8: nothing fires on a stopped clock, pauses and resumptions alternate, closed cases have no running clock."""
    for complaint_id, history in by_complaint(seen.told, TOPIC).items():
        if TOPIC in seen.whole_topics:
            yield from _walk(complaint_id, history)
    closed = {
        complaint_id: history[-1]
        for complaint_id, history in by_complaint(seen.told, "complaints.routing").items()
        if complaint_id in seen.cases and seen.cases[complaint_id].state == "closed"
    }
    for row in seen.clocks:
        last = closed.get(row.complaint_id)
        if row.state in _LIVE and last is not None and last.at <= seen.settled:
            yield Violation("I8", row.complaint_id, f"it is closed, yet its {row.kind} clock is {row.state}")

    yield from _ledger(seen)


def _ledger(seen: Snapshot) -> Iterator[Violation]:
    """The time ledger of a closed complaint joins without gaps and sums exactly to its journey."""
    lines: dict[UUID, list[LedgerRow]] = defaultdict(list)
    for row in seen.ledger:
        lines[row.complaint_id].append(row)
    for complaint_id, rows in lines.items():
        rows.sort(key=lambda row: row.line)
        ends = [rows[0].received_at, *(row.until for row in rows)]
        if any(row.since != end for row, end in zip(rows, ends, strict=False)):
            yield Violation("I8", complaint_id, "the lines of its time ledger do not join")
        if rows[-1].until != rows[0].closed_at:
            yield Violation("I8", complaint_id, "its time ledger does not sum to its journey")


def size_stopped(seen: Snapshot) -> int:
    """How many of sla's events were looked at."""
    return sum(record.topic == TOPIC for record in seen.told)


def _walk(complaint_id: UUID, history: Sequence[Told]) -> Iterator[Violation]:
    """Follow one complaint's clocks in the order sla told them; versions are that order."""
    states: dict[tuple[str, int], str] = {}
    dues: dict[tuple[str, int], str | None] = {}
    for record in history:
        if record.name in _FIRED:
            mark = (record.data["clock"], record.data["clock_epoch"])
            if states.get(mark, "running") != "running":
                what = f"{record.data['level']} fired on its {mark[0]} clock, epoch {mark[1]}, which is {states[mark]}"
                yield Violation("I8", complaint_id, what)
            continue
        for clock in record.data.get("clocks", ()):
            mark = (clock["kind"], clock["epoch"])
            yield from _step(complaint_id, record.name, mark, states.get(mark), dues.get(mark), clock.get("due_at"))
            states[mark] = {"clock.paused": "paused", "clock.stopped": "stopped"}.get(record.name, "running")
            dues[mark] = clock.get("due_at") or dues.get(mark)


_FROM = {
    "clock.paused": {"running"},
    # A reopened case's clocks go on: the time they were over does not count.
    "clock.resumed": {"paused", "stopped"},
    "clock.stopped": {"running", "paused"},
}


def _step(
    complaint_id: UUID, name: str, mark: tuple[str, int], state: str | None, due: str | None, new_due: str | None
) -> Iterator[Violation]:
    clock = f"its {mark[0]} clock, epoch {mark[1]},"
    allowed = _FROM.get(name)
    if allowed is not None and state not in allowed:
        yield Violation("I8", complaint_id, f"{clock} was told {name} while it was {state or 'not started'}")
    if name == "clock.resumed" and due and new_due and _moment(new_due) < _moment(due):
        yield Violation("I8", complaint_id, f"{clock} is due earlier after the pause than before it")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
