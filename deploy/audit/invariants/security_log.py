"""I21: nothing of the security log was changed or removed."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.audit.snapshot import Snapshot, Violation


def check(seen: Snapshot) -> Iterator[Violation]:
    """Every line at which the chain is broken."""
    for line in seen.broken_lines:
        yield Violation("I21", None, f"the security log was changed at line {line}, or lines before it are missing")


def size(seen: Snapshot) -> int:
    """How many lines were looked at."""
    return seen.security_lines
