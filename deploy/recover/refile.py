"""Complaints that were accepted after the backup: filed again from their events, text and all where their keys are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from deploy.database import Connection
from deploy.recover.look import Q, Unknown
from services.intake.domain.contact import lookup_email
from services.intake.writer.answers import answers_of
from shared.events.envelope import Event
from shared.events.intake import ComplaintAmended, ComplaintSubmitted, ComplaintWithdrawn
from shared.runtime.vault import Erased, PersonKey, Vault, open_sealed

_Text = Callable[[str, str | None], str | None]


class Opener:
    """Opens what the events of one recovery hold."""

    def __init__(self, vault: Vault | None, keys: Mapping[UUID, PersonKey]) -> None:
        self._vault = vault
        self._keys = keys

    @classmethod
    async def of(cls, vault: Vault | None, events: Iterable[Event]) -> Opener:
        """With the keys of everybody these events are about."""
        persons = {event.person_id for event in events if hasattr(event, "person_id")}
        return cls(vault, await vault.keys_of(persons) if vault is not None else {})

    def has(self, person_id: UUID) -> bool:
        """Whether what this person wrote can be read."""
        return person_id in self._keys

    def text(self, event: Event, person_id: UUID, name: str, sealed: str | None) -> str | None:
        """One field; None when it is absent or its key is gone."""
        opened = open_sealed(self._keys.get(person_id), event.complaint_id, name, sealed)
        return None if opened is None or isinstance(opened, Erased) else opened

    def contact_hash(self, kind: str, contact: str | None) -> bytes | None:
        """The keyed hash of a contact."""
        if contact is None or self._vault is None:
            return None
        if kind == "email":
            return self._vault.contact_hash("email", lookup_email(contact))
        return self._vault.contact_hash("phone", contact)


async def refile(connection: Connection, unknown: Iterable[Unknown], opener: Opener) -> int:
    """File again what intake said and does not know; answers how many complaints. Part of the open transaction.

    The events stay on the topic and are read from there; nothing is said twice.
    """
    filed = 0
    for one in unknown:
        event = one.event
        if isinstance(event, ComplaintSubmitted):
            filed += await _file(connection, event, opener)
        elif isinstance(event, ComplaintAmended | ComplaintWithdrawn):
            kind, sealed = (
                ("amendment", event.text) if isinstance(event, ComplaintAmended) else ("withdrawal", event.reason)
            )
            name = "text" if isinstance(event, ComplaintAmended) else "reason"
            body = opener.text(event, event.person_id, name, sealed)
            await connection.execute(
                Q.add_again, event.complaint_id, event.version, kind, body, event.cause.actor, event.occurred_at
            )
            if isinstance(event, ComplaintWithdrawn):
                await connection.execute(Q.withdraw_again, event.complaint_id)
        await connection.execute(Q.count_version, event.complaint_id, event.version)
    return filed


async def _file(connection: Connection, event: ComplaintSubmitted, opener: Opener) -> int:
    def text(name: str, sealed: str | None) -> str | None:
        return opener.text(event, event.person_id, name, sealed)

    email, phone = text("email", event.email), text("phone", event.phone)
    key = UUID(event.cause.id) if event.cause.kind == "request" and _is_uuid(event.cause.id) else None
    _, answer = answers_of(event.complaint_id, event.reference, "", event.progress_token, event.received_at, None)
    done = await connection.fetch(Q.filed, [event.complaint_id])
    if done:
        return 0
    await connection.execute(
        Q.refile,
        event.complaint_id,
        event.reference,
        event.client,
        event.pack,
        event.channel,
        event.language,
        event.received_at,
        event.occurred_at,
        event.person_id,
        text("title", event.title),
        text("text", event.text),
        event.category,
        event.store_id or text("store", event.store),
        text("order_id", event.order_id),
        text("name", event.name),
        email,
        phone,
        opener.contact_hash("email", email),
        opener.contact_hash("phone", phone),
        _details(event, text),
        key,
        answer,
    )
    return len(await connection.fetch(Q.filed, [event.complaint_id]))


def _details(event: ComplaintSubmitted, text: _Text) -> dict[str, object] | None:
    """What few complaints have; whom it is about and who tells it are one text in the event, and stay one."""
    whose = text("on_behalf_of", event.on_behalf_of)
    found: dict[str, object] = {
        name: value
        for name, value in (
            ("wanted", event.wanted),
            ("about_staff", event.about_staff or None),
            ("about_department", event.about_department),
            ("repeat_of", event.repeat_of),
            ("consent", None if event.consent else False),
            ("on_behalf_of", {"name": whose} if whose else None),
            ("call_back", _call_back(event, text)),
        )
        if value is not None
    }
    return found or None


def _call_back(event: ComplaintSubmitted, text: _Text) -> dict[str, str] | None:
    wish = event.call_back
    if wish is None:
        return None
    told = {
        "number": text("call_back.number", wish.number),
        "hours": text("call_back.hours", wish.hours),
        "language": wish.language,
    }
    return {name: value for name, value in told.items() if value} or None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
