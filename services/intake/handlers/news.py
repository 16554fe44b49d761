"""What intake hears of its complaints from the router."""

from services.intake import store
from services.intake.domain import lifecycle
from shared.events.routing import ComplaintAssigned, ComplaintClosed, ComplaintReopened
from shared.runtime.consumer import Batch
from shared.runtime.transaction import Tx


async def handle(batch: Batch, tx: Tx) -> None:
    """Hear from the router who owns which case and which are closed; one read and one write per batch."""
    news = [e for e in batch.events if isinstance(e, ComplaintAssigned | ComplaintClosed | ComplaintReopened)]
    known = await store.standings(tx, sorted({event.complaint_id for event in news}))
    changed = dict(known)
    for event in news:
        if event.complaint_id in changed:  # unknown ones were filed in another database: a topic was replayed to us
            changed[event.complaint_id] = lifecycle.hear(changed[event.complaint_id], event)
    differing = {
        complaint_id: standing for complaint_id, standing in changed.items() if standing != known[complaint_id]
    }
    if differing:
        await store.save_standings(tx, differing)
