"""From a complaint as told to the row that is filed: answer, clear columns, sealed event."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from services.intake.domain import receipt
from services.intake.domain.admission import Client, Published, filed_store
from services.intake.domain.complaint import CallBack, Complaint
from services.intake.domain.contact import lookup_email
from services.intake.domain.idempotency import as_told, digest
from services.intake.store import Row
from services.intake.writer.answers import TOKEN, answers_of
from shared.events import intake as events
from shared.events.envelope import Cause
from shared.events.ids import new_id
from shared.events.reference import reference_of
from shared.runtime.outbox import shard_of
from shared.runtime.vault import PersonKey, Vault

_DETAILS: Final = frozenset(
    ("wanted", "on_behalf_of", "call_back", "consent", "about_staff", "about_department", "repeat_of")
)
_SERIALIZER = Complaint.__pydantic_serializer__


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """One request to file a complaint, validated and within the scope of its client."""

    complaint: Complaint
    client: Client
    key: UUID
    published: Published
    traceparent: str | None = None
    actor: str = ""
    """Who files; by default `client:NAME`."""
    warnings: str = "[]"
    """What the 201 says of it, as JSON."""
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest(self.complaint))
        if not self.actor:
            object.__setattr__(self, "actor", f"client:{self.client.name}")


@dataclass(frozen=True, slots=True)
class Contacts:
    """The keyed hashes of how the customer is reached."""

    email: bytes | None
    phone: bytes | None

    @classmethod
    def of(cls, complaint: Complaint, vault: Vault) -> "Contacts":
        """The hashes of a complaint's contacts; none where there is a character that cannot be written (`build_row` says)."""
        customer = complaint.customer
        try:
            return cls(
                vault.contact_hash("email", lookup_email(customer.email)) if customer.email else None,
                vault.contact_hash("phone", customer.phone) if customer.phone else None,
            )
        except UnicodeError:
            return cls(None, None)

    @property
    def person(self) -> bytes | None:
        """The one that finds the person again: a phone number names one person more often than a mailbox does."""
        return self.phone or self.email


class Ready(NamedTuple):
    """A complaint that can be filed: its row, and the body of its 201, which holds the private link."""

    row: Row
    answer: str
    as_told: bytes | None
    """Its digest of version 1, where that differs."""


def build_row(
    filing: Filing, contacts: Contacts, person: PersonKey, number: int, now: datetime, progress_base: str
) -> Ready:
    """Everything that is stored and said about one new complaint.

    Args:
        filing: what was asked.
        contacts: its keyed contact hashes.
        person: the open key of the customer.
        number: the number its reference is made of; nobody else has it.
        now: the database's clock.
        progress_base: address of the progress page without the token.
    """
    complaint, client = filing.complaint, filing.client
    complaint_id, event_id, reference = new_id(), new_id(), reference_of(number)
    token = secrets.token_urlsafe(16)  # 128 bits, I15
    received_at = receipt.settle(complaint.received_at, now)
    event = events.ComplaintSubmitted(
        event_id=event_id,
        complaint_id=complaint_id,
        reference=reference,
        occurred_at=now,
        version=1,
        cause=Cause(kind="request", id=str(filing.key), actor=filing.actor),
        pack=client.pack,
        channel=complaint.channel,
        client=client.name,
        language=complaint.language,
        received_at=received_at,
        category=filing.published.category,
        store_id=client.store_id,
        has_order=complaint.order_id is not None,
        wanted=complaint.wanted,
        about_staff=filing.published.about_staff,
        about_department=filing.published.about_department,
        repeat_of=complaint.repeat_of,
        consent=complaint.consent,
        on_behalf=complaint.on_behalf_of is not None,
        person_id=person.person_id,
        progress_token_hash=hashlib.sha256(token.encode()).hexdigest(),
        call_back=_call_back(complaint.call_back, complaint_id, person),
        **person.seal_all(complaint_id, _told(complaint, token, bound=client.store_id is not None)),
    )
    told = complaint.received_at
    answer, kept = answers_of(
        complaint_id, reference, f"{progress_base}{token}", event.progress_token, received_at, filing.warnings
    )
    row = Row(
        client_id=client.client_id,
        key=filing.key,
        digest=filing.digest,
        answer=kept,
        complaint_id=complaint_id,
        reference=reference,
        pack=client.pack,
        channel=complaint.channel,
        language=complaint.language,
        received_at=received_at,
        person_id=person.person_id,
        title=complaint.title,
        body=complaint.text,
        category=complaint.category,
        store_id=filed_store(client, complaint),
        order_id=complaint.order_id,
        customer_name=complaint.customer.name,
        email=complaint.customer.email,
        phone=complaint.customer.phone,
        email_hash=contacts.email,
        phone_hash=contacts.phone,
        details=_details(complaint),
        shard=shard_of(complaint_id),
        event_id=event_id,
        traceparent=filing.traceparent,
        payload=event.__pydantic_serializer__.to_json(event),
    )
    return Ready(row, answer, as_told(complaint) if told is not None and told.utcoffset() else None)


def _told(complaint: Complaint, token: str, *, bound: bool) -> list[tuple[str, str]]:
    """What is sealed of a complaint, by the name it is bound to. A store that an operator bound the client to is not."""
    customer, on_behalf = complaint.customer, complaint.on_behalf_of
    told = [("text", complaint.text), (TOKEN, token)]
    for name, clear in (
        ("title", complaint.title),
        ("order_id", complaint.order_id),
        ("store", None if bound else complaint.store_id),
        ("name", customer.name),
        ("email", customer.email),
        ("phone", customer.phone),
    ):
        if clear is not None:
            told.append((name, clear))
    if on_behalf is not None:
        whose = f"{on_behalf.name} ({on_behalf.relation})" if on_behalf.relation else on_behalf.name
        told.append(("on_behalf_of", whose))
    return told


def _call_back(wish: CallBack | None, complaint_id: UUID, person: PersonKey) -> events.CallBack | None:
    if wish is None:
        return None
    return events.CallBack(
        number=person.seal(complaint_id, "call_back.number", wish.number) if wish.number else None,
        hours=person.seal(complaint_id, "call_back.hours", wish.hours) if wish.hours else None,
        language=wish.language,
    )


def _details(complaint: Complaint) -> str | None:
    """What few complaints have, as JSON for the `details` column; None for the others."""
    if _DETAILS.isdisjoint(complaint.model_fields_set):
        return None
    found = _SERIALIZER.to_json(complaint, include=set(_DETAILS), exclude_defaults=True)
    return found.decode() if found != b"{}" else None
