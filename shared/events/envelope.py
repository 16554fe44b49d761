"""The envelope every event shares, and the value types events are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema


class Frozen(BaseModel):
    """A value object: immutable, tolerant of fields a newer writer added, silent about input in errors."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def _utc(moment: datetime) -> datetime:
    """Far enough from the ends of the calendar that adding a zone or a span cannot leave it."""
    if 1900 < moment.year < 8999:
        return moment.astimezone(UTC)
    raise ValueError("lies outside the years 1901 to 8998")


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment with zone, kept as UTC; ISO 8601 on the wire."""

Sealed = Annotated[str, StringConstraints(pattern=r"^s1\.[A-Za-z0-9_-]+$", max_length=90_000)]
"""Personal text under the person's own key: `s1.` + base64url(nonce ‖ AES-GCM ciphertext ‖ tag), bound to
`complaint_id|field` as associated data. Opened only through `shared.runtime.vault`."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:/+-]{0,63}$")]
"""A name from policy or code: lower case, never free text."""


Version = Annotated[int, Field(ge=1, le=2**31 - 1), WithJsonSchema({"type": "integer", "minimum": 1})]
"""The maximum is what the database holds; the contracts do not tell it, as they were given out without."""
Channel = Literal["web", "phone", "store"]
Language = Literal["zh", "en"]
Priority = Literal["normal", "high", "urgent"]


class Cause(Frozen):
    """What set an event off: a request, another event, a timer, or a replay by an operator.

    `id` is the request id, the event id, or `clock|level|epoch` of the timer. `actor` is `customer`,
    `client:NAME`, `staff:USER`, `policy`, `clock` or `operator:USER`; never a customer's name.
    """

    kind: Literal["request", "event", "timer", "replay"]
    id: str = Field(max_length=128)
    actor: str = Field(max_length=128)

    @property
    def by_staff(self) -> bool:
        """Whether a member of staff did it."""
        return self.actor.startswith("staff:")


class Bilingual(Frozen):
    """A text from policy in both languages. Never a customer's words."""

    zh: str
    en: str


class Event(Frozen):
    """What all events carry. On the wire these are also CloudEvents 1.0 attributes in Kafka headers (binary mode)."""

    event_id: UUID
    complaint_id: UUID
    reference: str = Field(max_length=16)
    occurred_at: Instant
    version: Version = Field(description="1, 2, 3 … per complaint and writing service; the newest wins")
    cause: Cause

    @property
    def kind(self) -> str:
        """The event's type with its major version, such as `complaint.submitted.v1`."""
        kind: str = self.type  # type: ignore[attr-defined]  # every subclass declares the literal
        return kind


def caused_by(event: Event, actor: str = "policy") -> Cause:
    """The cause of an event that follows from another event."""
    return Cause(kind="event", id=str(event.event_id), actor=actor)


def type_of(model: type[Event]) -> str:
    """The `type` literal of an event class."""
    field: Any = model.model_fields["type"]
    return str(field.default)
