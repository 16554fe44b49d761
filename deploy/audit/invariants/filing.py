"""I1: a complaint answered 2xx exists exactly once; the same idempotency key has the same answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from deploy.audit.client_log import Answer
from deploy.audit.history import distinct
from deploy.audit.snapshot import Snapshot, Violation

_REFUSED = frozenset({400, 401, 403, 413, 415, 422})
"""Final refusals: the client was told that there is no complaint."""


def check(seen: Snapshot) -> Iterator[Violation]:
    """Compare the client's log with intake's tables, and the tables with themselves."""
    yield from _keys(seen)
    yield from _references(seen)
    yield from _answered(seen)
    yield from _submitted_once(seen)


def size(seen: Snapshot) -> int:
    """How many complaints and answers were looked at."""
    return len(seen.complaints) + len(seen.answers)


def _keys(seen: Snapshot) -> Iterator[Violation]:
    complaint_of: dict[tuple[str, UUID], UUID] = {}
    for row in seen.keys:
        other = complaint_of.setdefault((row.client, row.key), row.complaint_id)
        if other != row.complaint_id:
            yield Violation("I1", row.complaint_id, f"the key {row.key} of {row.client} stands for {other} too")
        if row.complaint_id not in seen.complaints:
            yield Violation(
                "I1", row.complaint_id, f"the key {row.key} of {row.client} was answered, no complaint exists"
            )


def _references(seen: Snapshot) -> Iterator[Violation]:
    complaint_of: dict[str, UUID] = {}
    for row in seen.complaints.values():
        other = complaint_of.setdefault(row.reference, row.complaint_id)
        if other != row.complaint_id:
            yield Violation("I1", row.complaint_id, f"the reference {row.reference} is that of {other} too")


def _answered(seen: Snapshot) -> Iterator[Violation]:
    answers: dict[tuple[str | None, UUID], list[Answer]] = defaultdict(list)
    for answer in seen.answers:
        answers[answer.client, answer.key].append(answer)
    filed: dict[UUID, set[UUID]] = defaultdict(set)
    clients: dict[UUID, set[str]] = defaultdict(set)
    for row in seen.keys:
        filed[row.key].add(row.complaint_id)
        clients[row.key].add(row.client)
    for (_, key), given in answers.items():
        accepted = [answer for answer in given if answer.status == 201]
        for answer in accepted:
            yield from _exists(seen, answer)
        # A log without client names may hold one key of two clients; each of them has its own complaint.
        if len({answer.complaint_id for answer in accepted}) > max(1, len(clients[key])):
            yield Violation("I1", accepted[0].complaint_id, f"the key {key} was answered with several complaints")
        if given and all(answer.status in _REFUSED for answer in given) and filed[key]:
            yield Violation("I1", min(filed[key]), f"the key {key} was only ever refused, yet a complaint exists")


def _exists(seen: Snapshot, answer: Answer) -> Iterator[Violation]:
    row = seen.complaints.get(answer.complaint_id) if answer.complaint_id else None
    if row is None:
        yield Violation("I1", answer.complaint_id, f"answered 201 to the key {answer.key}, no such complaint exists")
    elif answer.reference is not None and answer.reference != row.reference:
        yield Violation(
            "I1", row.complaint_id, f"answered with the reference {answer.reference}, it is {row.reference}"
        )


def _submitted_once(seen: Snapshot) -> Iterator[Violation]:
    event_of: dict[UUID, UUID] = {}
    for record in distinct(seen.told):
        if record.name == "complaint.submitted":
            other = event_of.setdefault(record.complaint_id, record.event_id)
            if other != record.event_id:
                yield Violation("I1", record.complaint_id, "it was submitted twice, with two event ids")
