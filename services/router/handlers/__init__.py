"""What the router does with events: one batch, one transaction, one statement per table."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from services.router.handlers.fold import TICKS, Fold
from services.router.store import cases as store
from shared.events.envelope import Event
from shared.events.intake import ComplaintSubmitted, PersonErased
from shared.policies.watching import PolicySource
from shared.runtime.consumer import Batch
from shared.runtime.transaction import Tx
from shared.runtime.vault import Vault

log = logging.getLogger(__name__)


class Router:
    """The handler of all events the router reads."""

    def __init__(self, policies: PolicySource, vault: Vault, default_pack: str, new_id: Callable[[], UUID]) -> None:
        self._policies = policies
        self._vault = vault
        self._default_pack = default_pack
        self._new_id = new_id

    async def handle(self, batch: Batch, tx: Tx) -> None:
        """Apply a batch: load all cases it touches, fold its events one by one, save everything at once."""
        await self._apply(batch.events, tx)

    async def catch_up(self, tx: Tx, complaint_ids: Collection[UUID]) -> int:
        """Apply events that were held although these complaints are there by now; answers how many.

        That happens when another copy of the router stored the complaint in the same instant.
        """
        held = await store.take_early(tx, complaint_ids)
        if held:
            log.info("held events applied", extra={"action": "catch_up", "count": len(held)})
            await self._apply(held, tx)
        return len(held)

    async def _apply(self, events: Sequence[Event], tx: Tx) -> None:
        touched = {e.complaint_id for e in events if type(e) is not PersonErased}
        new = {e.complaint_id for e in events if type(e) is ComplaintSubmitted}
        others = [e for e in events if type(e) not in TICKS]
        persons = {person for e in others if (person := getattr(e, "person_id", None)) is not None}
        (known, early), keys = await asyncio.gather(store.lock(tx, touched), self._vault.keys_of(persons))
        ruled = {e.complaint_id for e in others if type(e) is not ComplaintSubmitted}
        rows = await store.load(tx, ruled & known.keys())
        told = {e.repeat_of for e in others if type(e) is ComplaintSubmitted and e.repeat_of is not None}
        earlier = await store.earlier(tx, told)
        fold = Fold(self._policies.packs, self._default_pack, self._new_id, tx, known, rows, keys, earlier)
        fold.waiting.extend(await store.take_early(tx, early & new - known.keys()))
        for event in events:
            fold.take(event)
        await fold.save()
