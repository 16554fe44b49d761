"""I4, I5, I6: no event is lost, each takes effect once per consumer, and the newest state wins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from uuid import UUID

from deploy.audit.history import distinct
from deploy.audit.snapshot import READERS, WRITER_OF, Snapshot, Told, Violation


def check_lost(seen: Snapshot) -> Iterator[Violation]:
    """I4: committed outbox rows leave, versions have no gap, and every reader has every record its inbox reaches back to."""
    for row in seen.outbox:
        if row.occurred_at <= seen.settled:
            yield Violation("I4", row.complaint_id, f"{row.service} has not published {row.event_id} to {row.topic}")
    yield from _gaps(seen)
    yield from _unread(seen)


def size_lost(seen: Snapshot) -> int:
    """How many records and outbox rows were looked at."""
    return len(seen.told) + len(seen.outbox)


def _gaps(seen: Snapshot) -> Iterator[Violation]:
    """Versions count a writer's events about a complaint; its tables know the last one."""
    versions: dict[str, dict[UUID, set[int]]] = {topic: defaultdict(set) for topic in WRITER_OF}
    for record in seen.told:
        versions[record.topic][record.complaint_id].add(record.version)
    for row in seen.outbox:
        if row.topic in versions and row.complaint_id is not None and row.version is not None:
            versions[row.topic][row.complaint_id].add(row.version)
    for topic in sorted(versions.keys() & seen.whole_topics):
        for complaint_id, told in versions[topic].items():
            missing = sorted(set(range(1, max(told) + 1)) - told)
            if missing:
                yield Violation("I4", complaint_id, f"{topic} lacks its versions {', '.join(map(str, missing[:5]))}")
    for topic, complaint_id, version in _committed(seen):
        last = max(versions[topic].get(complaint_id, {0}))
        if version > last and topic in seen.whole_topics:
            yield Violation(
                "I4", complaint_id, f"{WRITER_OF[topic]} committed version {version}, {topic} ends at {last}"
            )


def _committed(seen: Snapshot) -> Iterator[tuple[str, UUID, int]]:
    for row in seen.complaints.values():
        yield "complaints.intake", row.complaint_id, row.version
    for case in seen.cases.values():
        yield "complaints.routing", case.complaint_id, case.version
    for (topic, complaint_id), version in seen.versions.items():
        yield topic, complaint_id, version


def _unread(seen: Snapshot) -> Iterator[Violation]:
    dead = {(letter.consumer, letter.event_id) for letter in seen.dead_letters}
    for record in distinct(seen.told):
        if record.at > seen.settled:
            continue
        for reader in sorted(READERS.get(record.type, frozenset())):
            floor = seen.floors.get(reader)
            if floor is not None and record.event_id.int < floor.int:
                continue
            if record.event_id not in seen.inbox.get(reader, frozenset()) and (reader, record.event_id) not in dead:
                yield Violation("I4", record.complaint_id, f"{reader} never applied {record.type} {record.event_id}")


def check_twice(seen: Snapshot) -> Iterator[Violation]:
    """I5: one cause has one effect of a kind; one version is told once; a republished event has the same bytes."""
    digests: dict[tuple[str, UUID], bytes] = {}
    for record in seen.told:
        if digests.setdefault((record.topic, record.event_id), record.digest) != record.digest:
            yield Violation("I5", record.complaint_id, f"{record.type} {record.event_id} was told with two contents")
    effects: dict[Hashable, UUID] = {}
    versions: dict[Hashable, UUID] = {}
    for record in distinct(seen.told):
        first = versions.setdefault((record.topic, record.complaint_id, record.version), record.event_id)
        if first != record.event_id:
            what = f"{WRITER_OF[record.topic]} told version {record.version} twice: {first} and {record.event_id}"
            yield Violation("I5", record.complaint_id, what)
        if effects.setdefault(_effect(record), record.event_id) != record.event_id:
            what = f"the {record.cause_kind} {record.cause_id} caused {record.type} more than once"
            yield Violation("I5", record.complaint_id, what)


def size_twice(seen: Snapshot) -> int:
    """How many records were looked at."""
    return len(seen.told)


def _effect(record: Told) -> Hashable:
    """What one cause may bring about once: the type, and for notices and deadlines which one."""
    data = record.data
    what = (data.get("notice"), data.get("channel") if record.topic == "complaints.notices" else None)
    which = (data.get("clock"), data.get("level"), data.get("clock_epoch"))
    return (record.topic, record.type, record.complaint_id, record.cause_kind, record.cause_id, what, which)


def check_order(seen: Snapshot) -> Iterator[Violation]:
    """I6: a complaint's events keep their order, and every service ends up with the newest state."""
    newest: dict[tuple[str, UUID], Told] = {}
    for record in distinct(seen.told):
        before = newest.get((record.topic, record.complaint_id))
        if before is not None and before.partition != record.partition:
            what = f"its events of {record.topic} are on the partitions {before.partition} and {record.partition}"
            yield Violation("I6", record.complaint_id, what)
        elif before is not None and record.version < before.version:
            what = f"{record.topic} tells version {record.version} behind version {before.version}"
            yield Violation("I6", record.complaint_id, what)
        newest[record.topic, record.complaint_id] = record
    yield from _stale(seen, newest)


def size_order(seen: Snapshot) -> int:
    """How many complaints were looked at."""
    return len(seen.complaints)


def _stale(seen: Snapshot, newest: dict[tuple[str, UUID], Told]) -> Iterator[Violation]:
    for complaint_id, case in seen.cases.items():
        last = newest.get(("complaints.routing", complaint_id))
        if last is None or last.at > seen.settled:
            continue
        if case.version < last.version:
            what = f"the router is at version {case.version}, it told version {last.version}"
            yield Violation("I6", complaint_id, what)
        told = newest.get(("complaints.sla", complaint_id))
        if told is None or told.at > seen.settled:
            continue  # intake hears of owners with their clocks
        row = seen.complaints.get(complaint_id)
        if row is not None and row.department != case.department and row.state != "withdrawn":
            what = f"intake knows {row.department} as the owner, it is {case.department}"
            yield Violation("I6", complaint_id, what)
