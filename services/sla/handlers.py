"""One use case: take in what happened to complaints, and say what that does to their clocks."""

from collections.abc import Callable
from uuid import UUID

from services.sla import store
from services.sla.domain.case import Case, learn
from services.sla.domain.life import Life
from services.sla.domain.rules import Rules
from services.sla.store import Rulebook, Stored
from shared.events.envelope import Event
from shared.events.notices import NoticeSent
from shared.events.routing import ComplaintAssigned
from shared.runtime.consumer import Batch
from shared.runtime.transaction import Tx


class Sla:
    """Folds batches into clocks."""

    def __init__(self, book: Rulebook, new_id: Callable[[], UUID]) -> None:
        self._book = book
        self._new_id = new_id

    async def handle(self, batch: Batch, tx: Tx) -> None:
        """Load the complaints of a batch, fold its events one by one, write them, say what changed."""
        quiet = await store.no_news(tx, [event for event in batch.events if isinstance(event, NoticeSent)])
        events = [event for event in batch.events if event.event_id not in quiet]
        if not events:
            return
        cases = await store.load(tx, self._book, list({event.complaint_id for event in events}))
        changed: dict[UUID, tuple[Stored, Life]] = {}
        in_force: dict[str, Rules] = {}
        for event in events:
            stored = cases.get(event.complaint_id) or _unknown(event)
            rules = None
            if isinstance(event, ComplaintAssigned) and stored.case.rules is None:
                rules = in_force.get(event.pack) or await self._book.in_force(tx, event.pack, event.department)
                in_force[event.pack] = rules
            case, life, said = learn(stored.case, event, rules, tx.now, self._new_id)
            if case is stored.case:
                continue
            for one in said:
                tx.emit(one)
            trace = stored.trace or tx.trace_of(str(event.event_id))
            stored = Stored(case=case, known=stored.known, closed_seen_at=stored.closed_seen_at, trace=trace)
            cases[event.complaint_id] = stored
            changed[event.complaint_id] = (stored, life)
        await store.save(tx, list(changed.values()))


def _unknown(event: Event) -> Stored:
    return Stored(case=Case(complaint_id=event.complaint_id, reference=event.reference), known=False)
