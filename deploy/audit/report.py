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
    erasure,
    filing,
    links,
    notices,
    ownership,
    privacy,
    security_log,
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
    "I16": (erasure.check, erasure.size),
    "I17": (privacy.check, privacy.size),
    "I19": (traces.check, traces.size),
    "I21": (security_log.check, security_log.size),
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
    """Run every check over one snapshot of everything."""
    tally = Tally()
    tally.add(seen)
    tally.waiting += sum(not letter.replayed for letter in seen.dead_letters)
    return tally.report(mailbox=seen.mailbox is not None, whole_topics=seen.whole_topics)


class Tally:
    """What was found so far, part by part.

    Attributes:
        checked: invariant → how much was looked at.
        waiting: dead letters that nobody has replayed.
        strangers: reason (`forged`, `unsigned`) and topic → records that their writer did not sign.
        signed: whether event keys were at hand to tell.
    """

    def __init__(self) -> None:
        self.checked = dict.fromkeys(CHECKS, 0)
        self._found: dict[Violation, None] = {}
        self._unknown = 0
        self._late = 0
        self.waiting = 0
        self.strangers: Counter[tuple[str, str]] = Counter()
        self.signed = True

    def add(self, seen: Snapshot, without: frozenset[str] = frozenset()) -> None:
        """Run every check over a part, but for some."""
        for invariant, (check, size) in CHECKS.items():
            if invariant not in without:
                self.checked[invariant] += size(seen)
                self.judge(check, seen)
        self._unknown += sum(record.name == "notice.unknown" for record in seen.told)
        self._late += sum(bool(record.data.get("late")) for record in seen.told)

    def judge(self, check: Check, seen: Snapshot) -> None:
        """Run one check; what was found before is not found twice."""
        self._found.update(dict.fromkeys(check(seen)))

    def report(self, *, mailbox: bool, whole_topics: frozenset[str] | set[str]) -> Report:
        """What is known now, in the order of the invariants."""
        order = {invariant: place for place, invariant in enumerate(CHECKS)}
        violations = tuple(sorted(self._found, key=lambda violation: order[violation.invariant]))
        return Report(dict(self.checked), violations, tuple(self._notes(mailbox, whole_topics)))

    def _notes(self, mailbox: bool, whole_topics: frozenset[str] | set[str]) -> Iterator[str]:
        if self._unknown:
            yield f"{self._unknown} messages have an unknown outcome: the mail server's last answer was lost"
        if self._late:
            yield f"{self._late} deadlines fired late and say so"
        for (reason, topic), count in sorted(self.strangers.items()):
            yield f"{count} records on {topic} are {reason}: their writer did not sign them, and no service takes them"
        if not self.signed:
            yield "no event keys were at hand: whether events are signed was not checked"
        if self.waiting:
            yield f"{self.waiting} dead letters wait to be looked at"
        if not mailbox:
            yield "no mail catcher was read; I9 rests on the ledger alone"
        expired = sorted({topic for topic in _topics() if topic not in whole_topics})
        if expired:
            yield f"records have expired on {', '.join(expired)}; gaps there are not judged"


def _topics() -> tuple[str, ...]:
    from shared.events.topics import DEAD_LETTERS, TOPICS

    return (*(topic.name for topic in TOPICS), DEAD_LETTERS)
