"""The one table: every event, its topic, who writes it and who reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter

from shared.events import intake, notices, routing, sla
from shared.events.envelope import Event, type_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A Kafka topic: written by one service alone, keyed by complaint id."""

    name: str
    writer: str
    union: Any
    readers: Mapping[type[Event], tuple[str, ...]]
    partitions: int = 4

    @property
    def events(self) -> tuple[type[Event], ...]:
        """The event classes of the topic's union."""
        return tuple(get_args(get_args(self.union)[0]))


INTAKE = Topic(
    name="complaints.intake",
    writer="intake",
    union=intake.IntakeEvent,
    readers={
        intake.ComplaintSubmitted: ("router", "notifier"),
        intake.ComplaintAmended: ("router", "notifier"),
        intake.ComplaintWithdrawn: ("router",),
        intake.PersonErased: ("router", "notifier"),
    },
)
ROUTING = Topic(
    name="complaints.routing",
    writer="router",
    union=routing.RoutingEvent,
    readers={
        routing.ComplaintAssigned: ("sla", "notifier"),
        routing.ComplaintAccepted: ("notifier",),
        routing.TransferOffered: (),
        routing.TransferAccepted: (),
        routing.TransferDeclined: (),
        routing.TransferWithdrawn: (),
        routing.ProgressReported: ("sla", "notifier"),
        routing.CustomerAsked: ("sla", "notifier"),
        routing.CustomerAnswered: ("sla", "notifier"),
        routing.PromiseMade: ("sla", "notifier"),
        routing.PromiseRenewed: ("sla", "notifier"),
        routing.ResolutionProposed: ("sla", "notifier"),
        routing.ComplaintClosed: ("sla", "notifier", "intake"),
        routing.ComplaintReopened: ("sla", "notifier", "intake"),
        routing.ComplaintMerged: (),
        routing.ComplaintLinked: (),
    },
)
SLA = Topic(
    name="complaints.sla",
    writer="sla",
    union=sla.SlaEvent,
    readers={
        sla.ClockStarted: ("router", "notifier", "intake"),
        sla.ClockPaused: ("router", "notifier", "intake"),
        sla.ClockResumed: ("router", "notifier", "intake"),
        sla.ClockStopped: ("router",),
        sla.DeadlineWarned: ("router", "notifier", "intake"),
        sla.DeadlineBreached: ("router", "notifier"),
        sla.ComplaintEscalated: ("router",),
    },
)
NOTICES = Topic(
    name="complaints.notices",
    writer="notifier",
    union=notices.NoticesEvent,
    readers={
        notices.NoticeSent: ("sla",),
        notices.NoticeFailed: ("router",),
        notices.NoticeSuppressed: ("router",),
        notices.NoticeUnknown: ("router",),
        notices.ComplaintConfirmed: ("router", "sla"),
        notices.ComplaintDisputed: ("router", "sla"),
        notices.CustomerReplied: ("router", "sla"),
        notices.CustomerAdded: ("router",),
        notices.FeedbackGiven: ("router",),
    },
)

TOPICS: tuple[Topic, ...] = (INTAKE, ROUTING, SLA, NOTICES)
DEAD_LETTERS = "complaints.dead-letters"
"""Where every service publishes, once and with its bytes, what it could not process."""

EVENT_TYPES: Mapping[str, type[Event]] = {type_of(e): e for topic in TOPICS for e in topic.events}
TOPIC_OF: Mapping[type[Event], Topic] = {e: topic for topic in TOPICS for e in topic.events}
ADAPTERS: Mapping[str, TypeAdapter[Event]] = {kind: TypeAdapter(model) for kind, model in EVENT_TYPES.items()}
"""Validates the JSON of one event type; the type stands in the `ce_type` header."""


def types_read_by(service: str) -> Mapping[str, frozenset[str]]:
    """Topic name → event types the service reads, for all topics it subscribes to."""
    table = {
        topic.name: frozenset(type_of(e) for e, readers in topic.readers.items() if service in readers)
        for topic in TOPICS
    }
    return {name: kinds for name, kinds in table.items() if kinds}
