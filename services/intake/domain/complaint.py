"""What a channel may send: the complaint as told, an addition to it, a withdrawal."""

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from services.intake.domain import contact
from services.intake.domain.text import CodeName, Identifier, Line, Name, Note, Story, Title
from shared.events.envelope import Channel, Language
from shared.events.instants import GivenInstantAsTold
from shared.events.reference import BadReference, parse_reference

MAX_BODY_BYTES = 64 * 1024
MAX_BATCH_ITEMS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024


def _phone(value: str, info: ValidationInfo) -> str:
    return contact.normalise_phone(value, _taker(info).region)


def _email(value: str, info: ValidationInfo) -> str:
    return contact.customers_email(value, _taker(info).own_addresses)


def _taker(info: ValidationInfo) -> contact.Taker:
    return info.context or contact.NOBODY


Email = Annotated[
    str,
    StringConstraints(min_length=1, max_length=320),
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email"}),
]
Phone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40),
    AfterValidator(_phone),
    Field(
        description="With country code, or a number of the pack's own region without one; kept in E.164, an extension as"
        " `;ext=`"
    ),
]
Wanted = Literal[
    "exchange", "refund", "store_credit", "repair", "compensation", "correction", "apology", "explanation", "other"
]
"""The remedy the customer asks for (S28)."""


def _reference(value: str) -> str:
    try:
        return parse_reference(value)
    except BadReference:
        raise PydanticCustomError("reference", "not a reference") from None


Reference = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_reference)]


class Told(BaseModel):
    """A value from outside: immutable, strict in types, refuses fields it does not know, silent about input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Customer(Told):
    """Who complains, and how they are reached. All may be absent: an anonymous complaint is a complaint."""

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None


class OnBehalfOf(Told):
    """The person the complaint is about, when somebody else tells it."""

    name: Name
    relation: Line | None = Field(default=None, description="What the caller is to them: daughter, neighbour, lawyer")


class CallBack(Told):
    """The customer wants to be rung: where, when and in which language."""

    number: Phone | None = None
    hours: Line | None = Field(default=None, description="In the customer's words: weekdays after 18:00")
    language: Language | None = None


class Complaint(Told):
    """A complaint as a channel tells it."""

    channel: Channel
    language: Language = Field(description="The language the customer is answered in")
    title: Title | None = None
    text: Story
    category: CodeName | None = Field(default=None, description="A category of the pack; routing decides without it")
    received_at: GivenInstantAsTold | None = Field(
        default=None, description="When the organisation received it, if that was before this request"
    )
    store_id: Identifier | None = Field(
        default=None,
        description="The shop it is about: an id of the pack's stores. Another value is kept and shown as it is, and a"
        " pack that lists its stores answers with the warning `unknown_store`",
    )
    order_id: Identifier | None = None
    customer: Customer = Customer()
    wanted: Wanted | None = None
    on_behalf_of: OnBehalfOf | None = None
    call_back: CallBack | None = None
    consent: bool = Field(default=True, description="The customer agrees to be written to about this complaint")
    about_staff: bool = Field(default=False, description="The complaint is about the conduct of our own staff")
    about_department: CodeName | None = Field(default=None, description="The department whose staff it is about")
    repeat_of: Reference | None = Field(
        default=None, description="Reference of an earlier complaint of the same matter"
    )


_USUAL_KEY = re.compile(r"[1-9a-f][0-9a-f]{7}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _key(value: str) -> str:
    if _USUAL_KEY.fullmatch(value):
        return value
    try:
        if UUID(value).int:
            return value
    except ValueError:
        pass
    raise PydanticCustomError("uuid_parsing", "not a UUID")


Key = Annotated[
    str, StringConstraints(max_length=64), AfterValidator(_key), Field(json_schema_extra={"format": "uuid"})
]
"""An idempotency key as it was sent: a UUID in any of its spellings, but not the nil UUID, which is no key of anybody's."""


class BatchItem(Complaint):
    """One complaint of a batch, with its own idempotency key."""

    idempotency_key: Key


class Batch(Told):
    """Complaints a store took while it was offline."""

    complaints: Annotated[tuple[BatchItem, ...], Field(min_length=1, max_length=MAX_BATCH_ITEMS, strict=False)]


class Amendment(Told):
    """The customer adds to what they told."""

    text: Story


class Withdrawal(Told):
    """The customer takes the complaint back."""

    reason: Note | None = None
