"""The clocks of a case as the desk shows them: a projection of what sla said last, never reckoned here."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from shared.events.sla import Clock
from shared.policies.sla import SOON_SHARE

Shown = Literal["late", "soon", "running", "paused", "settled"]


_WORST_FIRST: tuple[Shown, ...] = ("late", "soon", "running")
_THEIRS = frozenset({"answer", "confirmation"})
"""Clocks that run for the customer: we are not late with them."""


class Dial(NamedTuple):
    """One clock of a case.

    Attributes:
        state: running, paused or stopped, as sla said.
        warned: sla has warned of it.
        outcome: met or late, once stopped.
    """

    kind: str
    epoch: int
    state: str
    started_at: datetime
    due_at: datetime | None = None
    outcome: str | None = None
    warned: bool = False

    def shown(self, now: datetime) -> Shown:
        """The word and shape for it."""
        if self.state == "stopped":
            return "late" if self.outcome == "late" else "settled"
        if self.state == "paused" or self.due_at is None:
            return "paused"
        if self.kind in _THEIRS:
            return "running"
        if self.due_at <= now:
            return "late"
        passed = (now - self.started_at) / (self.due_at - self.started_at) if self.due_at > self.started_at else 1.0
        return "soon" if passed >= SOON_SHARE else "running"


Dials = Mapping[str, Dial]
"""The newest clock of each kind, by kind; of promises each that stands, as `promise.EPOCH`."""


def _name(kind: str, epoch: int) -> str:
    return f"{kind}.{epoch}" if kind == "promise" else kind


def told(dials: Dials, clocks: Iterable[Clock]) -> Dials:
    """The dials after sla told of some clocks; an older epoch never replaces a newer one. A promise that was moved goes:
    the one that took its place says all there is to say.
    """
    after = dict(dials)
    for clock in clocks:
        name = _name(clock.kind, clock.epoch)
        if name != clock.kind and clock.state == "stopped" and clock.outcome is None:
            after.pop(name, None)
            continue
        before = after.get(name)
        if before is not None and before.epoch > clock.epoch:
            continue
        same = before is not None and before.epoch == clock.epoch and before.due_at == clock.due_at
        warned = same and before is not None and before.warned
        after[name] = Dial(clock.kind, clock.epoch, clock.state, clock.started_at, clock.due_at, clock.outcome, warned)
    return after


def warned(dials: Dials, kind: str, epoch: int) -> Dials:
    """The dials after a warning."""
    name = _name(kind, epoch)
    dial = dials.get(name)
    if dial is None or dial.epoch != epoch:
        return dials
    return {**dials, name: dial._replace(warned=True)}


def nearest(dials: Dials) -> Dial | None:
    """The running clock whose date comes first."""
    running = [(dial.due_at, dial.kind, dial) for dial in dials.values() if dial.state == "running" and dial.due_at]
    return min(running)[2] if running else None


def pressing(dials: Dials, now: datetime) -> Shown:
    """The word for a case: of all clocks that run for us the worst, as on sla's board."""
    said = {dial.shown(now) for dial in dials.values() if dial.state == "running"}
    return next((word for word in _WORST_FIRST if word in said), "paused")


def next_due(dials: Dials) -> tuple[datetime | None, str | None]:
    """The date that comes first among the running clocks, and whose it is."""
    first = nearest(dials)
    return (first.due_at, first.kind) if first else (None, None)


def packed(dials: Dials) -> dict[str, dict[str, Any]]:
    """The dials as they go into JSON, by kind. Further promises stand in the newest one's `others`, which earlier releases
    pass over.
    """
    found: dict[str, dict[str, Any]] = {}
    for dial in sorted(dials.values(), key=lambda one: one.epoch, reverse=True):
        one = {
            "epoch": dial.epoch,
            "state": dial.state,
            "started_at": dial.started_at,
            "due_at": dial.due_at,
            "outcome": dial.outcome,
            "warned": dial.warned,
        }
        if dial.kind in found:
            found[dial.kind].setdefault("others", []).append(one)
        else:
            found[dial.kind] = one
    return found


def unpacked(stored: Mapping[str, Mapping[str, Any]]) -> Dials:
    """The dials as they come out of JSON."""
    all_ = ((kind, one) for kind, newest in stored.items() for one in (newest, *newest.get("others", ())))
    return {_name(kind, one["epoch"]): _dial(kind, one) for kind, one in all_}


def _dial(kind: str, one: Mapping[str, Any]) -> Dial:
    return Dial(
        kind=kind,
        epoch=one["epoch"],
        state=one["state"],
        started_at=datetime.fromisoformat(one["started_at"]),
        due_at=datetime.fromisoformat(one["due_at"]) if one["due_at"] else None,
        outcome=one["outcome"],
        warned=one["warned"],
    )
