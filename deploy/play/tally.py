"""The count of a run: what was accepted, what failed and why, and how long the answers took."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.play.channel import Outcome
from deploy.play.sources import BadLine

RECENT = 20_000
"""Answers whose times are kept for the percentiles."""
KEPT = 20
"""Failures and bad lines listed one by one; the rest is only counted."""


@dataclass(slots=True)
class Tally:
    """Counts as the run goes on.

    Attributes:
        accepted: complaints that are new.
        repeated: complaints that had been accepted before; nothing was filed again.
        skipped: lines not sent, because the journal says that they were accepted.
        keep: remember every receipt; a run of a large file does not.
    """

    accepted: int = 0
    repeated: int = 0
    skipped: int = 0
    amended: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    receipts: list[Outcome] = field(default_factory=list)
    keep: bool = False
    waiting: str | None = None
    began: float = field(default_factory=time.perf_counter)
    ended: float | None = None

    def count(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.waiting = None
        if outcome.receipt is None:
            self.failures.append((outcome.entry.line, outcome.reason or str(outcome.status)))
            return
        if outcome.repeated:
            self.repeated += 1
        else:
            self.accepted += 1
            self.seconds.append(outcome.seconds)
        self.amended += len(outcome.entry.rest)
        if self.keep:
            self.receipts.append(outcome)

    def wait(self, why: str) -> None:
        """Show why a request has to wait."""
        self.waiting = why

    @property
    def rate(self) -> float:
        """New complaints per second so far."""
        elapsed = (self.ended or time.perf_counter()) - self.began
        return self.accepted / elapsed if elapsed > 0 else 0.0

    @property
    def reasons(self) -> Counter[str]:
        """Why entries failed, and how often each reason occurred."""
        return Counter(reason for _, reason in self.failures)

    @property
    def nothing_filed(self) -> str | None:
        """Why no complaint is filed after this run, neither by it nor by an earlier one; None: one is."""
        if self.accepted or self.repeated or self.skipped:
            return None
        if self.failures:
            return "every one was refused"
        return "none of its lines could be read" if self.bad else "it holds no complaint"

    @property
    def clean(self) -> bool:
        """Whether every line was good and was accepted."""
        return not self.failures and not self.bad


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value that `share` (0..1) of the values do not exceed (nearest rank); None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]
