"""I2: every accepted complaint has exactly one owner at any time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploy.audit.history import by_complaint
from deploy.audit.snapshot import Snapshot, Told, Violation

TOPIC = "complaints.routing"


def check(seen: Snapshot) -> Iterator[Violation]:
    """Compare complaints with cases, and cases with the assignments that were told."""
    assigned = by_complaint(seen.told, TOPIC, "complaint.assigned")
    yield from _owners(seen)
    for complaint_id, history in assigned.items():
        if TOPIC in seen.whole_topics:
            yield from _chain(history)
        case = seen.cases.get(complaint_id)
        last = history[-1]
        if case is None:
            if last.at <= seen.settled:
                yield Violation("I2", complaint_id, "it was assigned, yet the router has no case")
        elif last.at <= seen.settled or case.epoch > last.data["epoch"]:
            yield from _agrees(case.department, case.epoch, last)
        row = seen.complaints.get(complaint_id)
        if row is None and "complaints.intake" in seen.whole_topics and last.at <= seen.settled:
            yield Violation("I2", complaint_id, "it is owned, yet was never accepted by intake")


def size(seen: Snapshot) -> int:
    """How many accepted complaints were looked at."""
    return len(seen.complaints)


def _owners(seen: Snapshot) -> Iterator[Violation]:
    for row in seen.complaints.values():
        if row.accepted_at > seen.settled:
            continue
        case = seen.cases.get(row.complaint_id)
        if case is None:
            yield Violation("I2", row.complaint_id, "it was accepted, yet no department owns it")
        elif not case.department:
            yield Violation("I2", row.complaint_id, "its case names no department")
        elif seen.departments is not None and case.department not in seen.departments and case.state != "closed":
            what = f"its owner {case.department} is no department of the policies: put it back, or assign the case"
            yield Violation("I2", row.complaint_id, what)


def _chain(history: Sequence[Told]) -> Iterator[Violation]:
    """Epochs count assignments from 1 without gap or repetition, and each names the owner before it."""
    for place, record in enumerate(history):
        epoch = record.data["epoch"]
        if epoch != place + 1:
            yield Violation("I2", record.complaint_id, f"assignment {place + 1} has the epoch {epoch}")
            return
        before = history[place - 1].data["department"] if place else None
        if record.data.get("previous_department") != before:
            yield Violation(
                "I2", record.complaint_id, f"the assignment of epoch {epoch} does not follow the one before"
            )


def _agrees(department: str | None, epoch: int, last: Told) -> Iterator[Violation]:
    told, told_epoch = last.data["department"], last.data["epoch"]
    if (department, epoch) != (told, told_epoch):
        what = f"the case is with {department} in epoch {epoch}, told was {told} in epoch {told_epoch}"
        yield Violation("I2", last.complaint_id, what)
