"""A complaint's story, told in events of the router and the notifier."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.sla.domain.calendar import Calendar, CalendarSpec
from services.sla.domain.case import Case, learn
from services.sla.domain.firing import fire
from services.sla.domain.rules import Rules
from shared.events import notices, routing
from shared.events.envelope import Bilingual, Cause, Event
from shared.events.ids import new_id
from shared.policies.departments import Department
from shared.policies.sla import SlaRules

PERSON = UUID("01900000-0000-7000-8000-00000000beef")
SEALED = "s1.AAAA"
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

NINE_TO_FIVE = ((9 * 60, 17 * 60),)
OFFICE = Calendar(CalendarSpec(tz="UTC", week=(NINE_TO_FIVE,) * 5 + ((), ())))
ROUND = Calendar(CalendarSpec(tz="UTC", week=(((0, 1440),),) * 7))


def hours(number: float) -> dict[str, float]:
    return {"working_hours": number}


def text(words: str) -> dict[str, str]:
    return {"zh": words, "en": words}


POLICY: dict[str, Any] = {
    "id": "standard",
    "name": text("standard"),
    "calendar": "office",
    "clocks": {
        "journey": hours(40),
        "owner": hours(24),
        "first_response": hours(4),
        "silence": hours(16),
        "confirmation": {"calendar_days": 7},
        "answer": {"calendar_days": 5},
    },
    "warn_at": [50, 80],
    "delay_notice_at": 90,
    "extension": {"working_hours": 16},
    "max_extensions": 1,
    "escalate": ["journey", "owner"],
}
URGENT = POLICY | {
    "id": "urgent",
    "when": {"priority": ["urgent"]},
    "clocks": POLICY["clocks"] | {"journey": hours(8), "owner": hours(2)},
}


def department(name: str, **more: Any) -> Department:
    return Department.model_validate({"id": name, "name": text(name), "duty": text(name), "calendar": "office"} | more)


LADDER = [
    {"at_percent": 75, "to": "lead"},
    {"at_percent": 100, "to": "office"},
    {"after_breach": hours(4), "to": "lead"},
]


def rules(policies: list[dict[str, Any]] | None = None, **departments: Any) -> Rules:
    made = [department("billing"), department("shops", escalation=LADDER), department("office")]
    return Rules(
        pack="test",
        version="1+00000000",
        sla=SlaRules.model_validate({"policies": policies or [URGENT, POLICY]}),
        departments={d.id: d for d in made} | departments,
        calendars={"office": OFFICE, "round": ROUND},
    )


RULES = rules()


def after(**length: float) -> datetime:
    return MONDAY + timedelta(**length)


@dataclass
class Story:
    """Tells the events of one complaint; `router` and `notifier` number their own."""

    received_at: datetime = MONDAY
    complaint_id: UUID = field(default_factory=new_id)
    reference: str = "R-4K7M-2XA9"
    owner: str = "billing"
    epoch: int = 0
    stage: int = 1
    pack: str = "test"
    routed: int = 0
    noticed: int = 0
    events: list[Event] = field(default_factory=list)
    last: Event = field(init=False)

    def __post_init__(self) -> None:
        self.last = Event(
            event_id=new_id(),
            complaint_id=self.complaint_id,
            reference=self.reference,
            occurred_at=self.received_at,
            version=1,
            cause=Cause(kind="request", id="r", actor="policy"),
        )

    def _tell(self, kind: type[Event], at: datetime, version: int, actor: str, **fields: Any) -> Event:
        event = kind(
            event_id=new_id(),
            complaint_id=self.complaint_id,
            reference=self.reference,
            occurred_at=at,
            version=version,
            cause=Cause(kind="request", id="r", actor=actor),
            **fields,
        )
        self.events.append(event)
        return event

    def route(self, kind: type[Event], at: datetime, actor: str = "staff:li", **fields: Any) -> Event:
        self.routed += 1
        own = {"department": self.owner, "epoch": self.epoch, "stage": self.stage, "pack": self.pack}
        fields = {**own, "language": "en", "person_id": PERSON, **fields}
        return self._tell(kind, at, self.routed, actor, **fields)

    def assigned(self, at: datetime | None = None, to: str | None = None, **fields: Any) -> Event:
        self.epoch += 1
        self.owner = to or self.owner
        facts = {
            "how": "policy",
            "rule": "all",
            "policy_version": "1",
            "why": Bilingual(zh="因", en="why"),
            "priority": "normal",
            "channel": "web",
            "received_at": self.received_at,
        }
        return self.route(routing.ComplaintAssigned, at or self.received_at, **(facts | fields))

    def accepted(self, at: datetime) -> Event:
        return self.route(routing.ComplaintAccepted, at)

    def progress(self, at: datetime, promise_id: UUID | None = None) -> Event:
        return self.route(routing.ProgressReported, at, text=SEALED, promise_id=promise_id)

    def told_by_phone(self, at: datetime) -> Event:
        """Staff told the customer the last question or resolution on the phone."""
        return self.route(routing.ProgressReported, at, text=SEALED, tells_event_id=self.last.event_id)

    def asked(self, at: datetime) -> Event:
        self.last = self.route(routing.CustomerAsked, at, question=SEALED)
        return self.last

    def answered(self, at: datetime, actor: str = "customer", answered: bool = True) -> Event:
        return self.route(routing.CustomerAnswered, at, actor, answered=answered)

    def promised(self, at: datetime, due_at: datetime, promise_id: UUID) -> Event:
        return self.route(routing.PromiseMade, at, promise_id=promise_id, due_at=due_at, text=SEALED)

    def renewed(self, at: datetime, due_at: datetime, promise_id: UUID) -> Event:
        fields = {"promise_id": promise_id, "due_at": due_at, "previous_due_at": at, "text": SEALED}
        return self.route(routing.PromiseRenewed, at, **fields)

    def resolved(self, at: datetime) -> Event:
        self.last = self.route(routing.ResolutionProposed, at, text=SEALED)
        return self.last

    def closed(self, at: datetime, how: str = "confirmed") -> Event:
        return self.route(routing.ComplaintClosed, at, how=how)

    def reopened(self, at: datetime, to: str | None = None, actor: str = "customer") -> Event:
        self.stage += 1
        told = self.route(routing.ComplaintReopened, at, actor)
        self.assigned(at, to, how="reopen")
        return told

    def heard(self, at: datetime) -> Event:
        """A notice of something else than a question or a resolution reached the customer."""
        return self._heard(at, "progress", new_id())

    def told(self, at: datetime) -> Event:
        """The notice of the last question or resolution reached the customer."""
        return self._heard(
            at, "question" if type(self.last) is routing.CustomerAsked else "resolution", self.last.event_id
        )

    def _heard(self, at: datetime, notice: str, about: UUID) -> Event:
        fields = {"notice_id": new_id(), "notice": notice, "about": str(about), "message_id": "<m@x>", "sent_at": at}
        return self._notice(notices.NoticeSent, at, **fields)

    def _notice(self, kind: type[Event], at: datetime, **fields: Any) -> Event:
        self.noticed += 1
        return self._tell(kind, at, self.noticed, "customer", **fields)

    def replied(self, at: datetime) -> Event:
        """The customer answers the last question on their page."""
        return self._notice(
            notices.CustomerReplied, at, person_id=PERSON, text=SEALED, question_event_id=self.last.event_id
        )

    def confirmed(self, at: datetime) -> Event:
        """The customer says on their page that the last resolution settles it."""
        return self._notice(notices.ComplaintConfirmed, at, resolution_event_id=self.last.event_id)

    def disputed(self, at: datetime) -> Event:
        """The customer says on their page that it does not."""
        return self._notice(notices.ComplaintDisputed, at, person_id=PERSON, resolution_event_id=self.last.event_id)


@dataclass
class Desk:
    """Plays events and the passing of time on one complaint, as handler and ticker do."""

    story: Story
    rules: Rules = field(default_factory=lambda: RULES)
    said: list[Event] = field(default_factory=list)
    case: Case = field(init=False)
    told: int = 0

    def __post_init__(self) -> None:
        self.case = Case(complaint_id=self.story.complaint_id, reference=self.story.reference)

    def hears(self, *events: Event) -> "Desk":
        """Learn these events, or all that the story has told since."""
        for event in events or self.story.events[self.told :]:
            self.case, _, said = learn(self.case, event, self.rules, event.occurred_at, new_id)
            self.said.extend(said)
        self.told = len(self.story.events)
        return self

    def ticks(self, now: datetime) -> list[Event]:
        """Let the ticker look at `now`."""
        self.case, _, self.firings, said = fire(self.case, now, new_id)
        self.said.extend(said)
        return list(said)

    def clock(self, kind: str, epoch: int | None = None) -> Any:
        """The clock of a kind, the newest one unless an epoch is named."""
        found = {key[1]: clock for key, clock in self.case.life.clocks.items() if key[0] == kind}
        return found[max(found) if epoch is None else epoch]

    def kinds(self) -> list[str]:
        """What was said, by type, without version."""
        return [event.kind.removesuffix(".v1") for event in self.said]
