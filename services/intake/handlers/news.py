"""What intake hears of its complaints from router and sla."""

from collections.abc import Iterable, Mapping
from typing import Final, cast
from uuid import UUID

from services.intake import store
from services.intake.domain import lifecycle
from services.intake.domain.lifecycle import SUBMITTED, News, Standing
from shared.events.routing import ComplaintClosed, ComplaintReopened
from shared.events.sla import ClockPaused, ClockResumed, ClockStarted, DeadlineWarned
from shared.runtime.consumer import Batch
from shared.runtime.transaction import Tx

_NEWS: Final = frozenset((ClockStarted, ClockPaused, ClockResumed, DeadlineWarned, ComplaintClosed, ComplaintReopened))


async def handle(batch: Batch, tx: Tx) -> None:
    """Hear who owns which case, until when, and which are closed: one write for all that are heard of first."""
    news = cast(list[News], [event for event in batch.events if type(event) in _NEWS])
    if not news:
        return
    heard = _heard(news, {})
    told_before = heard.keys() - await store.first_news(tx, heard)
    if told_before:
        await _hear_more([event for event in news if event.complaint_id in told_before], tx)


async def _hear_more(news: Iterable[News], tx: Tx) -> None:
    """News of cases that have a standing; a complaint without one was filed in another database: a topic was replayed."""
    known = await store.standings(tx, sorted({event.complaint_id for event in news}))
    heard = _heard((event for event in news if event.complaint_id in known), known)
    differing = {case: standing for case, standing in heard.items() if standing != known[case]}
    if differing:
        await store.save_standings(tx, differing)


def _heard(news: Iterable[News], known: Mapping[UUID, Standing]) -> dict[UUID, Standing]:
    """The standing of each case after all news of it."""
    heard: dict[UUID, Standing] = {}
    for event in news:
        before = heard.get(event.complaint_id) or known.get(event.complaint_id, SUBMITTED)
        heard[event.complaint_id] = lifecycle.hear(before, event)
    return heard
