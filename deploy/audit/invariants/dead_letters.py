"""I11: poison reaches the dead letters once, with its bytes, for every consumer that met it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from deploy.audit.snapshot import DeadLetterRow, Snapshot, Violation


def check(seen: Snapshot) -> Iterator[Violation]:
    """Compare poison on the topics, the dead-letter tables and the dead-letter topic.

    The table holds each once. The topic may hold a copy more where a relay was killed between the broker's answer and
    its own commit, as any topic may.
    """
    rows: dict[tuple[str, str, int, int], DeadLetterRow] = {}
    for row in seen.dead_letters:
        if row.place in rows:
            yield Violation("I11", None, f"{_name(row.place)} is stored twice")
        rows[row.place] = row
    for poison in seen.poison:
        for consumer in sorted(poison.consumers):
            place = (consumer, poison.topic, poison.partition, poison.offset)
            found = rows.get(place)
            if found is None:
                if poison.at <= seen.settled:
                    yield Violation("I11", None, f"{_name(place)} ({poison.reason}) is in no dead-letter table")
            elif found.digest != poison.digest:
                yield Violation("I11", None, f"{_name(place)} was stored with other bytes")
    yield from _published(seen, rows)


def size(seen: Snapshot) -> int:
    """How many dead letters and poison records were looked at."""
    return len(seen.dead_letters) + len(seen.poison)


def _published(seen: Snapshot, rows: dict[tuple[str, str, int, int], DeadLetterRow]) -> Iterator[Violation]:
    buried = _buried(rows)
    digests = {record.place: record.digest for record in seen.dead_records}
    for place, row in rows.items():
        if place not in digests:
            if row.failed_at <= seen.settled and "complaints.dead-letters" in seen.whole_topics:
                yield Violation("I11", None, f"{_name(place)} was never published as a dead letter")
        elif digests[place] != row.digest:
            yield Violation("I11", None, f"{_name(place)} was published with other bytes")
        again = buried[row.consumer, row.event_id] > 1
        if row.replayed and row.failed_at <= seen.settled and not (_applied(seen, row) or again):
            yield Violation("I11", None, f"{_name(place)} was replayed, {row.consumer} has not applied it")
    for place in digests.keys() - rows.keys():
        yield Violation("I11", None, f"{_name(place)} is on the dead-letter topic, in no table")


def _applied(seen: Snapshot, row: DeadLetterRow) -> bool:
    floor = seen.floors.get(row.consumer)
    forgotten = floor is not None and row.event_id is not None and row.event_id.int < floor.int
    return row.event_id is None or forgotten or row.event_id in seen.inbox.get(row.consumer, frozenset())


def _buried(rows: dict[tuple[str, str, int, int], DeadLetterRow]) -> Counter[tuple[str, UUID | None]]:
    """How often each consumer buried each event."""
    return Counter((row.consumer, row.event_id) for row in rows.values())


def _name(place: tuple[str, str, int, int]) -> str:
    consumer, topic, partition, offset = place
    return f"{topic}[{partition}]@{offset} for {consumer}"
