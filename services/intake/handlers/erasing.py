"""Erasing a person: key, clear texts, kept answers and sent copies go; everybody else is told (ADR 24).

One transaction blanks what intake holds, says `person.erased` of every complaint and, where the vault is in the same
database, deletes the key. What is elsewhere follows: the key in another database, copies of mails. An erasure that was
approved is carried on by whoever finds it, so nothing is left half done, whoever dies when.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from services.intake.domain.erasure import No, refusal
from services.intake.store import Q, Reads, erasures
from services.intake.store.erasures import Blank
from shared.events.envelope import Cause
from shared.events.ids import new_id
from shared.events.intake import ComplaintWithdrawn, PersonErased
from shared.runtime.transaction import Tx

Forget = Callable[[Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """Carries erasures out.

    Attributes:
        database: intake's own.
        transaction: one that blanks and tells.
        beside: whether the vault is in the same database.
        shred: deletes keys of persons in a vault elsewhere.
        forget: deletes the copies of mails about these references, where there is a mailbox that keeps them.
    """

    database: Reads
    transaction: Callable[[], AbstractAsyncContextManager[Tx]]
    beside: bool
    shred: Callable[[Collection[UUID]], Awaitable[int]]
    forget: Forget

    async def carry_out(self, erasure_id: UUID) -> No | None:
        """Do what is left of an approved erasure; any number may try at once. Answers why it is declined, if it is."""
        async with self.transaction() as tx:
            taken = await erasures.take(tx, erasure_id)
            if taken is not None:
                declined = await self._blank_person(tx, erasure_id, *taken)
                if declined is not None:
                    await tx.execute(Q.held_back, erasure_id)
                    return declined
        now = await erasures.one(self.database, erasure_id)
        if now is not None and now.state == "blanked":
            await self._finish(erasure_id, now.person_id, now.told)
        return None

    async def _blank_person(
        self, tx: Tx, erasure_id: UUID, person_id: UUID, complaint_id: UUID, asked_by: str
    ) -> No | None:
        found = await erasures.complaints_of(tx, person_id, complaint_id)
        ids = [one.complaint_id for one in found]
        await tx.execute(Q.lock_complaints, ids)
        found = await erasures.complaints_of(tx, person_id, complaint_id)  # as it stands under the locks
        no = refusal(held=(one.held for one in found), blank=(False for _ in found))
        if no is not None:
            return no
        told = await self._blank(tx, ids, erasure_id, asked_by)
        if self.beside:
            await tx.execute(Q.shred, [person_id])
        await tx.execute(Q.blanked, erasure_id, [one.reference for one in told], tx.now)
        return None

    async def _blank(
        self, tx: Tx, ids: Collection[UUID], erasure_id: UUID, actor: str, *, said: bool = True
    ) -> list[Blank]:
        told = await erasures.blank(tx, ids, by=actor, at=tx.now, said=said)
        cause = Cause(kind="request", id=str(erasure_id), actor=actor)
        for one in told if said else ():
            if one.withdrawn:
                tx.emit(_withdrawn(one, cause, tx))
            tx.emit(
                PersonErased(
                    event_id=new_id(),
                    complaint_id=one.complaint_id,
                    reference=one.reference,
                    occurred_at=tx.now,
                    version=one.version,
                    cause=cause,
                    person_id=one.person_id,
                )
            )
        return told

    async def _finish(self, erasure_id: UUID, person_id: UUID, told: Sequence[str]) -> None:
        if not self.beside:
            await self.shred([person_id])
        await self.forget(told)
        await self.database.execute(Q.finished, erasure_id)

    async def shred_everywhere(self, person_ids: Collection[UUID]) -> None:
        """Delete keys, wherever the vault is; those that are gone already do no harm."""
        if self.beside:
            await self.database.execute(Q.shred, list(person_ids))
        else:
            await self.shred(person_ids)

    async def sweep(self) -> int:
        """Blank what was being filed under a key while it was deleted; answers how many complaints that were."""
        since = await self.database.fetchval(Q.last_erased)
        if since is None:
            return 0
        late = await self.database.fetch(Q.filed_meanwhile, since)
        return await self.blank_again([row["complaint_id"] for row in late])

    async def blank_again(self, complaint_ids: Collection[UUID], *, said: bool = True) -> int:
        """Blank complaints of persons who were erased before: filed meanwhile, or back from a restored database.

        Args:
            said: say so; else the topics hold what was said then.
        """
        if not complaint_ids:
            return 0
        async with self.transaction() as tx:
            await tx.execute(Q.lock_complaints, sorted(complaint_ids))
            told = await self._blank(tx, complaint_ids, new_id(), "policy", said=said)
            if self.beside:
                await tx.execute(Q.shred, list({one.person_id for one in told}))
        if not self.beside:
            await self.shred({one.person_id for one in told})
        await self.forget([one.reference for one in told])
        return len(told)


def _withdrawn(one: Blank, cause: Cause, tx: Tx) -> ComplaintWithdrawn:
    return ComplaintWithdrawn(
        event_id=new_id(),
        complaint_id=one.complaint_id,
        reference=one.reference,
        occurred_at=tx.now,
        version=one.version - 1,
        cause=cause,
        person_id=one.person_id,
        reason=None,
    )
