"""What the customer told, as the desk keeps it: opened once, at the submission."""

from collections.abc import Callable
from typing import Any

from services.router.store.beginning import Words
from services.router.store.cases import json_of
from shared.events.intake import ComplaintSubmitted

Open = Callable[[str, str | None], str | None]
"""`(field, sealed text) -> clear text`; nothing for what cannot be opened any more."""


def words_of(
    event: ComplaintSubmitted,
    title: str | None,
    text: str | None,
    reasons: dict[str, list[dict[str, Any]]],
    opened: Open,
    trace: str | None,
    *,
    erased: bool,
) -> Words:
    """The words and contacts of a submission; title and text are opened already, for the rules."""
    wish = event.call_back
    return Words(
        complaint_id=event.complaint_id,
        title=title,
        body=text,
        name=opened("name", event.name),
        email=opened("email", event.email),
        phone=opened("phone", event.phone),
        call_back=json_of(
            {
                "number": opened("call_back.number", wish.number),
                "hours": opened("call_back.hours", wish.hours),
                "language": wish.language,
            }
        )
        if wish
        else None,
        order_id=opened("order_id", event.order_id),
        store_id=event.store_id or opened("store", event.store),
        wanted=event.wanted,
        repeat_of=event.repeat_of,
        client=event.client,
        about_staff=event.about_staff,
        on_behalf_of=opened("on_behalf_of", event.on_behalf_of),
        reasons=json_of(reasons),
        trace_id=trace.split("-")[1] if trace else None,
        erased=erased,
        consent=event.consent,
    )
