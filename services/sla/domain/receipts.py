"""When complaints were received, of those assigned lately: it tells the acknowledgements from other notices."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.sla.domain.silence import AT_ONCE
from shared.events.envelope import Event
from shared.events.notices import NoticeSent
from shared.events.routing import ComplaintAssigned

_KEPT = 20_000
"""How many complaints are remembered; minutes at full load, and an acknowledgement follows within seconds."""


class Receipts:
    """Remembers what assignments say; knows less after a restart, and nothing of what another process read.

    Nothing rests on a transaction here: whether a notice followed receipt at once depends on the two moments alone,
    and one that did moves no clock whether or not its complaint has a row.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._received: dict[UUID, datetime] = {}

    def remember(self, events: Iterable[Event]) -> None:
        """Note when the complaints assigned here were received; the oldest notes make room."""
        received = self._received
        for event in events:
            if type(event) is ComplaintAssigned:
                received[event.complaint_id] = event.received_at
        while len(received) > self._kept:
            del received[next(iter(received))]

    def no_news(self, notice: NoticeSent) -> bool | None:
        """Whether the notice reached the customer so soon after receipt that no clock moves; none when not known."""
        received_at = self._received.get(notice.complaint_id)
        return None if received_at is None else notice.sent_at - received_at < AT_ONCE
