"""One use case: take in what happened to complaints, and say what that does to their clocks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.sla import store
from services.sla.domain.case import Case, learn
from services.sla.domain.facts import TELLING
from services.sla.domain.receipts import Receipts
from services.sla.domain.rules import Rules
from services.sla.store import Changed, Rulebook
from services.sla.store.rows import Stored
from shared.events.envelope import Event
from shared.events.notices import NoticeSent
from shared.events.routing import ComplaintAssigned
from shared.runtime.consumer import Batch
from shared.runtime.transaction import Tx


@dataclass(slots=True)
class _Folded:
    """What a batch makes of complaints, and what there is to say of each."""

    changed: dict[UUID, Changed] = field(default_factory=dict)
    said: list[Event] = field(default_factory=list)


class Sla:
    """Folds batches into clocks."""

    def __init__(self, book: Rulebook, new_id: Callable[[], UUID]) -> None:
        self._book = book
        self._new_id = new_id
        self._receipts = Receipts()

    async def handle(self, batch: Batch, tx: Tx) -> None:
        """Fold the events of a batch one by one into their complaints, write them, say what changed.

        Complaints that begin here are inserted without a look whether they have a row. A few do, because a notice came
        first or an assignment was told twice: those are loaded and folded again with all others.
        """
        events = await self._news(batch.events, tx)
        rest = await self._begin(events, tx)
        if not rest:
            return
        cases = await store.load(tx, self._book, list({event.complaint_id for event in rest}))
        folded = await self._fold(rest, cases, tx)
        await store.save(tx, list(folded.changed.values()))
        for one in folded.said:
            tx.emit(one)

    async def _begin(self, events: Sequence[Event], tx: Tx) -> Sequence[Event]:
        """Insert the complaints that begin in this batch; answers the events of all others."""
        beginning = _beginning(events)
        folded = await self._fold([event for event in events if event.complaint_id in beginning], {}, tx)
        refused = await store.insert(tx, list(folded.changed.values()))
        for one in folded.said:
            if one.complaint_id not in refused:
                tx.emit(one)
        done = beginning - refused
        return [event for event in events if event.complaint_id not in done]

    async def _news(self, events: Sequence[Event], tx: Tx) -> Sequence[Event]:
        """The events without the notices that move no clock."""
        self._receipts.remember(events)
        news: list[Event] = []
        unsure: list[NoticeSent] = []
        for event in events:
            if type(event) is NoticeSent and event.notice not in TELLING:
                no_news = self._receipts.no_news(event)
                if no_news:
                    continue
                if no_news is None:
                    unsure.append(event)
            news.append(event)
        quiet = await store.no_news(tx, unsure)
        return [event for event in news if event.event_id not in quiet] if quiet else news

    async def _fold(self, events: Iterable[Event], loaded: Mapping[UUID, Stored], tx: Tx) -> _Folded:
        cases = dict(loaded)
        folded = _Folded()
        in_force: dict[str, Rules] = {}
        for event in events:
            stored = cases.get(event.complaint_id) or _unknown(event)
            rules = None
            if type(event) is ComplaintAssigned and stored.case.rules is None:
                rules = in_force.get(event.pack) or await self._book.in_force(tx, event.pack, event.department)
                in_force[event.pack] = rules
            case, life, said = learn(stored.case, event, rules, tx.now, self._new_id)
            if case is stored.case:
                continue
            folded.said += said
            trace = stored.trace or tx.trace_of(str(event.event_id))
            stored = Stored(case=case, known=stored.known, closed_seen_at=stored.closed_seen_at, trace=trace)
            cases[event.complaint_id] = stored
            folded.changed[event.complaint_id] = (stored, life)
        return folded


def _beginning(events: Iterable[Event]) -> set[UUID]:
    """The complaints whose first event here is the assignment with which they begin."""
    first: dict[UUID, bool] = {}
    for event in events:
        if event.complaint_id not in first:
            first[event.complaint_id] = type(event) is ComplaintAssigned and event.epoch == 1
    return {complaint_id for complaint_id, begins in first.items() if begins}


def _unknown(event: Event) -> Stored:
    return Stored(case=Case(complaint_id=event.complaint_id, reference=event.reference), known=False)
