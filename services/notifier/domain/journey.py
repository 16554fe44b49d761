"""What the notifier knows of a complaint: enough to tell its customer who has it, until when, and what to do now."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from shared.events.envelope import Channel, Language

Phase = Literal["received", "assigned", "working", "waiting", "proposed", "closed"]
PHASES: tuple[Phase, ...] = ("received", "assigned", "working", "waiting", "proposed", "closed")

Acknowledged = Literal["not_yet", "pending", "bare", "full"]
"""The acknowledgement: not planned, on its way, gone out without owner and date, or done with."""

Decision = Literal["confirmed", "disputed"]


@dataclass(frozen=True, kw_only=True)
class Journey:
    """A complaint as its customer sees it. Ids, codes and times only; texts stay sealed in the entries.

    Without slots, so that `evolve` and `of` can fill the instance in one step: `dataclasses.replace` of 36 fields costs
    ten times as much, and every event needs two or three.

    Attributes:
        told: whether the submission is known; events of other topics may come first.
        reachable: whether the customer left an e-mail address.
        epoch: of the newest assignment; `clock_epoch` of the newest one that sla has set clocks for.
        stage: 1 first handling, 2 after a reopening.
        journey_due_at: the journey clock's date; none while it is paused or not yet known.
        extended_due_at: a later date that the customer was told.
        question_id: the event of the question that is open.
        answer_due_at: until when the question is open; `answer_since` says for which question that holds.
        replied: the customer answered the open question on the page; the router has not said so yet.
        resolution_id: the event of the resolution that waits for the customer's word.
        decision: what the customer said to it on the page; the router has not acted on it yet.
        held: notices may be waiting for a date.
        intake_version: newest version seen of that writer's events; likewise router and sla.
        own_version: version of the newest event this service emitted for the complaint.
        consent: whether the customer agreed to be written to, as the submission says.
    """

    complaint_id: UUID
    reference: str
    pack: str
    language: Language
    person_id: UUID | None = None
    channel: Channel | None = None
    received_at: datetime | None = None
    told: bool = False
    reachable: bool = False
    erased: bool = False
    acknowledged: Acknowledged = "not_yet"
    phase: Phase = "received"
    department: str | None = None
    epoch: int = 0
    clock_epoch: int = 0
    stage: int = 1
    journey_due_at: datetime | None = None
    extended_due_at: datetime | None = None
    question_id: UUID | None = None
    answer_due_at: datetime | None = None
    answer_since: datetime | None = None
    replied: bool = False
    resolution_id: UUID | None = None
    remedy: str | None = None
    confirmation_due_at: datetime | None = None
    confirmation_since: datetime | None = None
    decision: Decision | None = None
    closed_how: str | None = None
    closed_at: datetime | None = None
    rating: int | None = None
    held: bool = False
    intake_version: int = 0
    router_version: int = 0
    sla_version: int = 0
    own_version: int = 0
    consent: bool = True

    @classmethod
    def of(cls, values: Iterable[Any]) -> Self:
        """The journey with these values, in the order of the fields."""
        made = object.__new__(cls)
        made.__dict__.update(zip(FIELDS, values, strict=False))
        return made

    def evolve(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        made = object.__new__(type(self))
        object.__setattr__(made, "__dict__", self.__dict__ | changes)
        return made

    @property
    def due_at(self) -> datetime | None:
        """When the customer gets an answer, as told: a date once given stays, a later one replaces it."""
        if self.journey_due_at is None or self.extended_due_at is None:
            return self.journey_due_at
        return max(self.journey_due_at, self.extended_due_at)

    @property
    def informed(self) -> bool:
        """Whether owner and date are known, for the same assignment."""
        return self.department is not None and self.clock_epoch >= self.epoch and self.due_at is not None


FIELDS = tuple(field.name for field in fields(Journey))
"""Also the columns of the table, in its order."""
