"""Tells the story of one complaint as the events of the other services."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.events import intake, routing, sla
from shared.events.envelope import Bilingual, Cause, Event
from shared.events.ids import new_id

NOW = datetime.now(UTC).replace(microsecond=0)
"""Stories happen now: the database's clock tells which of their dates have passed."""
SEALED = "s1.c2VhbGVk"
CAUSE = Cause(kind="request", id="r-1", actor="client:web")
BY_STAFF = Cause(kind="request", id="r-2", actor="staff:li")


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


@dataclass
class Story:
    """One complaint. Each method is something that happened and gives its event, with the writer's next version."""

    complaint_id: UUID = field(default_factory=new_id)
    person_id: UUID = field(default_factory=new_id)
    department: str = "delivery"
    language: str = "zh"
    epoch: int = 1
    stage: int = 1
    at: datetime = NOW
    versions: dict[str, int] = field(default_factory=dict)

    def _event(self, model: type[Event], cause: Cause = CAUSE, **fields: Any) -> Any:
        writer = model.__module__
        self.versions[writer] = self.versions.get(writer, 0) + 1
        self.at += timedelta(seconds=1)
        return model(
            event_id=new_id(),
            complaint_id=self.complaint_id,
            reference="R-4K7M-2XA9",
            occurred_at=self.at,
            version=self.versions[writer],
            cause=cause,
            **fields,
        )

    def submitted(self, *, email: str | None = SEALED, text: str = SEALED, **more: Any) -> intake.ComplaintSubmitted:
        return self._event(  # type: ignore[no-any-return]
            intake.ComplaintSubmitted,
            **{
                "pack": "retail",
                "channel": "web",
                "client": "site",
                "language": self.language,
                "received_at": NOW,
                "person_id": self.person_id,
                "text": text,
                "name": SEALED,
                "email": email,
                "progress_token": SEALED,
                "progress_token_hash": "ab" * 32,
                **more,
            },
        )

    def amended(self) -> intake.ComplaintAmended:
        return self._event(intake.ComplaintAmended, person_id=self.person_id, text=SEALED)  # type: ignore[no-any-return]

    def erased(self) -> intake.PersonErased:
        return self._event(intake.PersonErased, person_id=self.person_id)  # type: ignore[no-any-return]

    def _case(self, model: type[routing.CaseEvent], **fields: Any) -> Any:
        return self._event(
            model,
            department=self.department,
            epoch=self.epoch,
            stage=self.stage,
            pack="retail",
            language=self.language,
            person_id=self.person_id,
            **fields,
        )

    def assigned(self, how: str = "policy", previous: str | None = None) -> routing.ComplaintAssigned:
        return self._case(  # type: ignore[no-any-return]
            routing.ComplaintAssigned,
            previous_department=previous,
            how=how,
            rule="r-1",
            policy_version="1+0",
            why=Bilingual(zh="因", en="why"),
            priority="normal",
            channel="web",
            received_at=NOW,
        )

    def moved(self, to: str, how: str = "transfer") -> routing.ComplaintAssigned:
        previous, self.department, self.epoch = self.department, to, self.epoch + 1
        return self.assigned(how, previous)

    def accepted(self) -> routing.ComplaintAccepted:
        return self._case(routing.ComplaintAccepted)  # type: ignore[no-any-return]

    def progress(self, text: str = SEALED) -> routing.ProgressReported:
        return self._case(routing.ProgressReported, text=text)  # type: ignore[no-any-return]

    def asked(self, question: str = SEALED) -> routing.CustomerAsked:
        return self._case(routing.CustomerAsked, question=question)  # type: ignore[no-any-return]

    def answered(
        self, *, answered: bool = True, answer: str | None = None, cause: Cause = CAUSE
    ) -> routing.CustomerAnswered:
        return self._case(  # type: ignore[no-any-return]
            routing.CustomerAnswered, answered=answered, answer=answer, cause=cause
        )

    def promised(self, due_at: datetime, text: str = SEALED) -> routing.PromiseMade:
        return self._case(routing.PromiseMade, promise_id=new_id(), due_at=due_at, text=text)  # type: ignore[no-any-return]

    def renewed(self, due_at: datetime, previous: datetime, text: str = SEALED) -> routing.PromiseRenewed:
        return self._case(  # type: ignore[no-any-return]
            routing.PromiseRenewed, promise_id=new_id(), due_at=due_at, previous_due_at=previous, text=text
        )

    def proposed(self, text: str = SEALED, remedy: str | None = None) -> routing.ResolutionProposed:
        return self._case(routing.ResolutionProposed, text=text, remedy=remedy)  # type: ignore[no-any-return]

    def closed(self, how: str = "confirmed", cause: Cause = CAUSE) -> routing.ComplaintClosed:
        return self._case(routing.ComplaintClosed, how=how, cause=cause)  # type: ignore[no-any-return]

    def reopened(self, reason: str | None = None, cause: Cause = CAUSE) -> routing.ComplaintReopened:
        self.stage += 1
        return self._case(routing.ComplaintReopened, reason=reason, cause=cause)  # type: ignore[no-any-return]

    def _clock(self, model: type[sla.ClockEvent], **fields: Any) -> Any:
        return self._event(
            model,
            department=self.department,
            epoch=self.epoch,
            pack="retail",
            language=self.language,
            person_id=self.person_id,
            **fields,
        )

    def clocks(
        self,
        model: type[sla.ClockEvent] = sla.ClockStarted,
        state: str = "running",
        new_due_at: datetime | None = None,
        **due: datetime | None,
    ) -> Any:
        clocks = tuple(
            sla.Clock(kind=kind, epoch=1, state=state, started_at=self.at, due_at=due_at)  # type: ignore[arg-type]
            for kind, due_at in due.items()
        )
        dated = {"new_due_at": new_due_at} if new_due_at is not None else {}
        return self._clock(model, clocks=clocks, **dated)

    def warned(self, clock: str, *, new_due_at: datetime | None = None, deadline: datetime | None = None) -> Any:
        return self._deadline(sla.DeadlineWarned, clock, deadline, new_due_at=new_due_at)

    def breached(self, clock: str, deadline: datetime, new_due_at: datetime | None = None) -> Any:
        self.at = max(self.at, deadline)
        return self._deadline(sla.DeadlineBreached, clock, deadline, new_due_at=new_due_at)

    def _deadline(self, model: type[sla.DeadlineEvent], clock: str, deadline: datetime | None, **fields: Any) -> Any:
        return self._clock(
            model,
            clock=clock,
            clock_epoch=1,
            level="breach",
            due_at=self.at,
            deadline_at=deadline,
            fired_at=self.at,
            **fields,
        )
