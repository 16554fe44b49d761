"""The notifier's events about a notice."""

from uuid import UUID

from services.notifier.domain.values import value
from shared.events.envelope import Cause
from shared.events.ids import new_id
from shared.events.notices import NoticeEvent, NoticeFailed, NoticeSent, NoticeSuppressed, NoticeUnknown
from shared.runtime.transaction import Tx


@value
class About:
    """The notice an event is about, and where the event's trace goes on."""

    complaint_id: UUID
    reference: str
    notice_id: UUID
    kind: str
    cause_id: UUID
    trace: str | None


def tell_sent(tx: Tx, about: About, version: int, *, message_id: str, attempts: int) -> None:
    """The customer's channel took the message."""
    tx.emit(
        _make(NoticeSent, tx, about, version, message_id=message_id, sent_at=tx.now, attempts=attempts),
        trace=about.trace,
    )


def tell_failed(tx: Tx, about: About, version: int, *, reason: str) -> None:
    """The message will never arrive; a person has to reach the customer."""
    tx.emit(_make(NoticeFailed, tx, about, version, reason=reason), trace=about.trace)


def tell_suppressed(tx: Tx, about: About, version: int, *, reason: str) -> None:
    """The message is not to be sent."""
    tx.emit(_make(NoticeSuppressed, tx, about, version, reason=reason), trace=about.trace)


def tell_unknown(tx: Tx, about: About, version: int, *, message_id: str, again: bool) -> None:
    """The channel's last answer was lost; `again`: it is sent once more."""
    tx.emit(_make(NoticeUnknown, tx, about, version, message_id=message_id, again=again), trace=about.trace)


def _make(model: type[NoticeEvent], tx: Tx, about: About, version: int, **fields: object) -> NoticeEvent:
    cause = str(about.cause_id)
    return model(
        event_id=new_id(),
        complaint_id=about.complaint_id,
        reference=about.reference,
        occurred_at=tx.now,
        version=version,
        cause=Cause(kind="event", id=cause, actor="policy"),
        notice_id=about.notice_id,
        notice=about.kind,
        about=cause,
        **fields,
    )
