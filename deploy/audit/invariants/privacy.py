"""I17: no personal data in what is carried on: topics, outboxes, dead letters, logs, traces."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.audit.snapshot import Snapshot, Violation


def check(seen: Snapshot) -> Iterator[Violation]:
    """Every text found in clear by the search that read the places (`deploy.audit.search`)."""
    for leak in seen.leaks:
        yield Violation("I17", leak.complaint_id, f"{leak.what} stands in clear in {leak.where}")


def size(seen: Snapshot) -> int:
    """How many places were searched."""
    return seen.scanned
