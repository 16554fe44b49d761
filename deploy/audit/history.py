"""Records ordered and grouped the way the checks need them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from deploy.audit.snapshot import Told


def distinct(told: Iterable[Told]) -> list[Told]:
    """The first record of every event, in the order of their topics; a relay may publish an event twice."""
    seen: set[tuple[str, UUID]] = set()
    found = []
    for record in told:
        mark = (record.topic, record.event_id)
        if mark not in seen:
            seen.add(mark)
            found.append(record)
    return found


def by_complaint(told: Iterable[Told], topic: str, *names: str) -> Mapping[UUID, list[Told]]:
    """The distinct events of a topic per complaint, ordered by version; only those of `names` when given."""
    grouped: dict[UUID, list[Told]] = defaultdict(list)
    for record in distinct(record for record in told if record.topic == topic):
        if not names or record.name in names:
            grouped[record.complaint_id].append(record)
    for records in grouped.values():
        records.sort(key=lambda record: record.version)
    return grouped
