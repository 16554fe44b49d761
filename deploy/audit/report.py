"""All checks over one snapshot, and the report of what they found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.audit.invariants import (
    clocks,
    dead_letters,
    delivery,
    filing,
    links,
    notices,
    ownership,
    privacy,
    traces,
)
from deploy.audit.snapshot import Snapshot, Violation

Check = Callable[[Snapshot], Iterator[Violation]]
Size = Callable[[Snapshot], int]

CHECKS: Mapping[str, tuple[Check, Size]] = {
    "I1": (filing.check, filing.size),
    "I2": (ownership.check, ownership.size),
    "I3": (clocks.check_single, clocks.size_single),
    "I4": (delivery.check_lost, delivery.size_lost),
    "I5": (delivery.check_twice, delivery.size_twice),
    "I6": (delivery.check_order, delivery.size_order),
    "I7": (clocks.check_fired, clocks.size_fired),
    "I8": (clocks.check_stopped, clocks.size_stopped),
    "I9": (notices.check_once, notices.size_once),
    "I10": (notices.check_suppressed, notices.size_suppressed),
    "I11": (dead_letters.check, dead_letters.size),
    "I15": (links.check, links.size),
    "I17": (privacy.check, privacy.size),
    "I19": (traces.check, traces.size),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, per invariant, and what is broken."""

    checked: Mapping[str, int]
    violations: tuple[Violation, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not self.violations

    @property
    def counts(self) -> Mapping[str, int]:
        """Violations per invariant, for a metric."""
        found = Counter(violation.invariant for violation in self.violations)
        return {invariant: found[invariant] for invariant in self.checked}

    def as_json(self) -> dict[str, Any]:
        """The contract of `redress audit --json`."""
        return {
            "ok": self.ok,
            "checked": dict(self.checked),
            "violations": [
                {
                    "invariant": violation.invariant,
                    "complaint_id": str(violation.complaint_id) if violation.complaint_id else None,
                    "what": violation.what,
                }
                for violation in self.violations
            ],
            "notes": list(self.notes),
        }


def judge(seen: Snapshot) -> Report:
    """Run every check."""
    violations = tuple(violation for check, _ in CHECKS.values() for violation in check(seen))
    return Report({name: size(seen) for name, (_, size) in CHECKS.items()}, violations, tuple(_notes(seen)))


def _notes(seen: Snapshot) -> Iterator[str]:
    unknown = sum(record.name == "notice.unknown" for record in seen.told)
    if unknown:
        yield f"{unknown} messages have an unknown outcome: the mail server's last answer was lost"
    late = sum(bool(record.data.get("late")) for record in seen.told)
    if late:
        yield f"{late} deadlines fired late and say so"
    waiting = sum(not letter.replayed for letter in seen.dead_letters)
    if waiting:
        yield f"{waiting} dead letters wait to be looked at"
    if seen.mailbox is None:
        yield "no mail catcher was read; I9 rests on the ledger alone"
    expired = sorted({topic for topic in _topics() if topic not in seen.whole_topics})
    if expired:
        yield f"records have expired on {', '.join(expired)}; gaps there are not judged"


def _topics() -> tuple[str, ...]:
    from shared.events.topics import DEAD_LETTERS, TOPICS

    return (*(topic.name for topic in TOPICS), DEAD_LETTERS)
