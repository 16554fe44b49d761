"""What one step of a case's life produces: the case after it, the events to send, the lines of its history."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from services.router.domain.case import Case, Placement, State
from shared.events.envelope import Cause
from shared.events.routing import CaseEvent, ComplaintAssigned

E = TypeVar("E", bound=CaseEvent)


class Moment(NamedTuple):
    """When and by what a step happens, and the two things a pure function cannot make itself: ids and seals.

    Attributes:
        seal: `(field, clear text) -> sealed text` under the key of the complaint's person.
    """

    now: datetime
    cause: Cause
    new_id: Callable[[], UUID]
    seal: Callable[[str, str], str]


class Line(NamedTuple):
    """One line of the history as the desk shows it. `text` is clear: the history is the service's own table."""

    event_id: UUID
    what: str
    who: str
    at: datetime
    department: str
    text: str | None = None
    detail: Mapping[str, Any] = MappingProxyType({})


class Outcome(NamedTuple):
    """A step: the case after it, what to send, what to remember."""

    case: Case
    events: tuple[CaseEvent, ...] = ()
    lines: tuple[Line, ...] = ()


class Story:
    """Collects one step. Every event it tells raises the version by one and leaves a line in the history."""

    def __init__(self, case: Case, moment: Moment) -> None:
        self.case = case
        self.moment = moment
        self._version = case.version
        self._events: list[CaseEvent] = []
        self._lines: list[Line] = []

    def change(self, **changes: Any) -> None:
        """Set fields of the case; a new state begins now."""
        if changes.get("state", self.case.state) != self.case.state:
            changes.setdefault("since", self.moment.now)
        self.case = self.case._replace(**changes)

    def tell(
        self,
        event: type[E],
        what: str,
        *,
        said: str | None = None,
        detail: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> E:
        """Send an event about the case as it stands now, and remember it as `what` with the clear words `said`."""
        self._version += 1
        case, moment = self.case, self.moment
        told = event(
            event_id=moment.new_id(),
            complaint_id=case.complaint_id,
            reference=case.reference,
            occurred_at=moment.now,
            version=self._version,
            cause=moment.cause,
            department=case.department,
            epoch=case.epoch,
            stage=case.stage,
            pack=case.pack,
            language=case.language,
            person_id=case.person_id,
            **more,
        )
        self._events.append(told)
        self.remember(told.event_id, what, said=said, detail=detail)
        return told

    def remember(
        self,
        event_id: UUID,
        what: str,
        *,
        said: str | None = None,
        who: str | None = None,
        at: datetime | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a line to the history without telling anybody."""
        self._lines.append(
            Line(
                event_id=event_id,
                what=what,
                who=who or self.moment.cause.actor,
                at=at or self.moment.now,
                department=self.case.department,
                text=said,
                detail=detail or {},
            )
        )

    def sealed(self, field_name: str, text: str) -> str:
        """A clear text as it may travel."""
        return self.moment.seal(field_name, text)

    def hand_to(self, placement: Placement, how: str, triage: str, state: State | None = None) -> None:
        """Give the case to a new owner; the only place where the owner changes.

        Args:
            placement: the new owner and why.
            how: as in `complaint.assigned`.
            triage: the triage desk of the pack, whose cases wait to be assigned on.
            state: where the case goes on, if not at the beginning of the owner's work.
        """
        before = self.case.department
        at_triage = placement.department == triage
        self.change(
            department=placement.department,
            epoch=self.case.epoch + 1,
            state=State.TRIAGE if at_triage else state or State.ASSIGNED,
            since=self.moment.now,
            owners=(*self.case.owners, placement.department),
            placement=placement,
            offer=None,
            question_id=None,
        )
        self.assigned(how, before)

    @classmethod
    def begun(cls, case: Case, moment: Moment) -> "Story":
        """The story of a new case that is stored with version 1 and tells its first event now."""
        story = cls(case, moment)
        story._version = case.version - 1
        return story

    def assigned(self, how: str, previous: str | None) -> None:
        """Tell who owns the case and why."""
        case, placement = self.case, self.case.placement
        self.tell(
            ComplaintAssigned,
            "assigned",
            detail={"how": how, "to": case.department, "from": previous, "rule": placement.rule},
            previous_department=previous,
            how=how,
            rule=placement.rule,
            policy_version=placement.policy_version,
            why=placement.why,
            category=placement.category,
            priority=placement.priority,
            channel=case.channel,
            received_at=case.received_at,
        )

    def end(self) -> Outcome:
        """The step as a value."""
        case = self.case if self.case.version == self._version else self.case._replace(version=self._version)
        return Outcome(case=case, events=tuple(self._events), lines=tuple(self._lines))
