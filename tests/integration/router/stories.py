"""Events of other services, as tests of the router need them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.events import intake, notices, sla
from shared.events.envelope import Cause
from shared.events.ids import new_id
from shared.events.reference import reference_of
from shared.runtime.vault import PersonKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


class Told:
    """One complaint of one person, and what may be said about it."""

    def __init__(
        self, person: PersonKey, text: str = "快递晚了三周还没到，请尽快送货", *, pack: str = "retail", **more: Any
    ) -> None:
        self.person = person
        self.complaint_id: UUID = new_id()
        self.reference = reference_of(next(_numbers))
        self._versions: dict[str, int] = {}
        sealed = {
            name: person.seal(self.complaint_id, name, value)
            for name, value in {
                "text": text,
                "title": "快递延误",
                "name": "王小明",
                "phone": "+8613800138000",
                "email": "wang@example.com",
            }.items()
        }
        self.submitted = intake.ComplaintSubmitted(
            **self._base("intake"),
            pack=pack,
            received_at=NOON,
            person_id=person.person_id,
            progress_token=sealed["text"],
            progress_token_hash="0" * 64,
            **{"channel": "web", "client": "web", "language": "zh", **sealed, **more},
        )

    def _base(self, writer: str, at: datetime = NOON) -> dict[str, Any]:
        self._versions[writer] = self._versions.get(writer, 0) + 1
        return {
            "event_id": new_id(),
            "complaint_id": self.complaint_id,
            "reference": self.reference,
            "occurred_at": at,
            "version": self._versions[writer],
            "cause": Cause(kind="request", id="r", actor="customer"),
        }

    def seal(self, name: str, text: str) -> str:
        return self.person.seal(self.complaint_id, name, text)

    def amended(self, text: str) -> intake.ComplaintAmended:
        return intake.ComplaintAmended(
            **self._base("intake"), person_id=self.person.person_id, text=self.seal("text", text)
        )

    def withdrawn(self) -> intake.ComplaintWithdrawn:
        return intake.ComplaintWithdrawn(**self._base("intake"), person_id=self.person.person_id)

    def erased(self) -> intake.PersonErased:
        return intake.PersonErased(**self._base("intake"), person_id=self.person.person_id)

    def confirmed(self) -> notices.ComplaintConfirmed:
        return notices.ComplaintConfirmed(**self._base("notifier"))

    def disputed(self, text: str = "还是没有收到", at: datetime = NOON) -> notices.ComplaintDisputed:
        return notices.ComplaintDisputed(
            **self._base("notifier", at), person_id=self.person.person_id, text=self.seal("text", text)
        )

    def replied(self, question: UUID, text: str = "单号 SF123") -> notices.CustomerReplied:
        return notices.CustomerReplied(
            **self._base("notifier"),
            person_id=self.person.person_id,
            question_event_id=question,
            text=self.seal("text", text),
        )

    def added(self, text: str = "门口没有人") -> notices.CustomerAdded:
        return notices.CustomerAdded(
            **self._base("notifier"), person_id=self.person.person_id, text=self.seal("text", text)
        )

    def rated(self, rating: int = 4) -> notices.FeedbackGiven:
        return notices.FeedbackGiven(**self._base("notifier"), person_id=self.person.person_id, rating=rating)

    def failed(self, notice: str = "assignment", about: object = "x") -> notices.NoticeFailed:
        return notices.NoticeFailed(
            **self._base("notifier"), notice_id=new_id(), notice=notice, about=str(about), reason="refused"
        )

    def suppressed(self, reason: str, notice: str = "progress", about: object = "x") -> notices.NoticeSuppressed:
        return notices.NoticeSuppressed(
            **self._base("notifier"), notice_id=new_id(), notice=notice, about=str(about), reason=reason
        )

    def unknown(self, notice: str, about: object, *, again: bool) -> notices.NoticeUnknown:
        return notices.NoticeUnknown(
            **self._base("notifier"),
            notice_id=new_id(),
            notice=notice,
            about=str(about),
            message_id="<m@x>",
            again=again,
        )

    def _clock_base(self, epoch: int, at: datetime) -> dict[str, Any]:
        return {
            **self._base("sla", at),
            "department": "delivery",
            "epoch": epoch,
            "pack": "retail",
            "language": "zh",
        }

    def started(self, *kinds: str, epoch: int = 1, hours: float = 8, at: datetime = NOON) -> sla.ClockStarted:
        due = at + timedelta(hours=hours)
        clocks = tuple(
            sla.Clock(kind=kind, epoch=epoch, state="running", started_at=at, due_at=due)  # type: ignore[arg-type]
            for kind in kinds or ("journey", "owner", "first_response", "silence")
        )
        return sla.ClockStarted(**self._clock_base(epoch, at), clocks=clocks, first=True)

    def paused(self, *kinds: str, epoch: int = 1) -> sla.ClockPaused:
        clocks = tuple(
            sla.Clock(kind=kind, epoch=epoch, state="paused", started_at=NOON)  # type: ignore[arg-type]
            for kind in kinds or ("owner",)
        )
        return sla.ClockPaused(**self._clock_base(epoch, NOON), clocks=clocks)

    def stopped(self, kind: str, outcome: str | None, *, epoch: int = 1, at: datetime = NOON) -> sla.ClockStopped:
        clock = sla.Clock(kind=kind, epoch=epoch, state="stopped", started_at=at, due_at=at, outcome=outcome)
        return sla.ClockStopped(**self._clock_base(epoch, at), clocks=(clock,))

    def breached(self, clock: str, *, epoch: int = 1, at: datetime | None = None) -> sla.DeadlineBreached:
        at = at or datetime.now(UTC)
        return sla.DeadlineBreached(**self._clock_base(epoch, at), **self._deadline(clock, at, "breach"))

    def warned(self, clock: str) -> sla.DeadlineWarned:
        return sla.DeadlineWarned(**self._clock_base(1, NOON), **self._deadline(clock, NOON, "warn"))

    def escalated(self, clock: str, to: str = "lead") -> sla.ComplaintEscalated:
        return sla.ComplaintEscalated(**self._clock_base(1, NOON), **self._deadline(clock, NOON, "rung-1"), to=to)

    @staticmethod
    def _deadline(clock: str, at: datetime, level: str) -> dict[str, Any]:
        return {"clock": clock, "clock_epoch": 1, "level": level, "due_at": at, "fired_at": at}
