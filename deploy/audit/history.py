"""Records ordered and grouped the way the checks need them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from deploy.audit.snapshot import Told

_last: tuple[Sequence[Told], Sequence[Told]] = ((), ())


def distinct(told: Sequence[Told]) -> Sequence[Told]:
    """The first record of every event, in the order of their topics; a relay may publish an event twice.

    Every check asks, one after the other, for the records of the same snapshot: the last answer is kept.
    """
    global _last  # noqa: PLW0603
    if told is not _last[0]:
        _last = (told, _distinct(told))
    return _last[1]


def _distinct(told: Sequence[Told]) -> Sequence[Told]:
    seen: set[tuple[str, UUID]] = set()
    found = []
    for record in told:
        mark = (record.topic, record.event_id)
        if mark not in seen:
            seen.add(mark)
            found.append(record)
    return found


def by_complaint(told: Sequence[Told], topic: str, *names: str) -> Mapping[UUID, list[Told]]:
    """The distinct events of a topic per complaint, ordered by version; only those of `names` when given."""
    grouped: dict[UUID, list[Told]] = defaultdict(list)
    for record in distinct(told):
        if record.topic == topic and (not names or record.name in names):
            grouped[record.complaint_id].append(record)
    for records in grouped.values():
        records.sort(key=lambda record: record.version)
    return grouped
