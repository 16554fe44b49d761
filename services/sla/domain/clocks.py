"""One clock: what it may use, when it started, stood still and ended. Everything else about it is computed."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from services.sla.domain.calendar import Interval
from services.sla.domain.measures import Budget
from shared.events.sla import ClockKind, ClockState

Outcome = Literal["met", "late"]


class Clock(NamedTuple):
    """A clock of one complaint. `(kind, epoch)` names it; a restart is a new epoch.

    Epochs: journey and first response have 1; an owner clock has its assignment's epoch; question and confirmation have
    the version of the event that started them, promises ten times that; silence counts its
    restarts. So they are the same in whatever order events arrive.
    """

    kind: ClockKind
    epoch: int
    budget: Budget
    started_at: datetime
    #: When the budget is used up; while paused, when it would have been had it not been paused.
    deadline: datetime
    #: Stretches that did not count, in order, ended.
    pauses: tuple[Interval, ...] = ()
    paused_at: datetime | None = None
    stopped_at: datetime | None = None
    #: The promise a promise clock belongs to (none for a date that a delay notice gave); of an answer or confirmation clock
    #: the event of the question or resolution.
    subject: UUID | None = None
    #: The customer is not known to have been told what they are waited for: it does not run yet, whatever date it has.
    held: bool = False
    #: A new date took its place before it was due: it was neither kept nor broken.
    moved: bool = False

    @property
    def state(self) -> ClockState:
        """Running, paused or stopped."""
        if self.stopped_at is not None:
            return "stopped"
        return "running" if self.paused_at is None else "paused"

    @property
    def outcome(self) -> Outcome | None:
        """Whether it ended in time; none while it has not ended, and where a new date took its place in time."""
        if self.stopped_at is None:
            return None
        if self.deadline < (self.paused_at or self.stopped_at):
            return "late"
        return None if self.moved else "met"

    def reaches(self, share: timedelta) -> datetime:
        """The instant at which this much of the budget is used up."""
        if not self.pauses:
            return self.budget.measure.add(self.started_at, share)
        return self.budget.measure.add_with_pauses(self.started_at, share, self.pauses)

    def used(self, at: datetime) -> timedelta:
        """How much of the budget is used up at an instant."""
        end = min(at, self.paused_at or at, self.stopped_at or at)
        return self.budget.measure.elapsed_with_pauses(self.started_at, end, self.pauses)

    def pause(self, at: datetime) -> "Clock":
        """Stand still from `at`. One that does not run stays as it is."""
        if self.state != "running":
            return self
        return self._replace(paused_at=max(at, self.started_at))

    def resume(self, at: datetime) -> "Clock":
        """Run again from `at`, with what was left. A stopped one goes on too: the time it was over does not count."""
        since = self.paused_at or self.stopped_at
        if since is None:
            return self
        pauses = self.pauses if at <= since else (*self.pauses, (since, at))
        deadline = self.budget.measure.add_with_pauses(self.started_at, self.budget.total, pauses)
        return self._replace(pauses=pauses, paused_at=None, stopped_at=None, deadline=max(deadline, self.deadline))

    def stop(self, at: datetime) -> "Clock":
        """End at `at`. One that has ended stays as it is."""
        return self if self.stopped_at is not None else self._replace(stopped_at=max(at, self.started_at))

    def end_by(self, at: datetime) -> "Clock":
        """End at `at`, also where it was taken to have ended later."""
        if self.stopped_at is not None and self.stopped_at <= at:
            return self
        return self._replace(stopped_at=max(at, self.started_at))

    def give_way(self, at: datetime) -> "Clock":
        """End at `at` because a new date takes its place."""
        return self if self.stopped_at is not None else self.stop(at)._replace(moved=True)
