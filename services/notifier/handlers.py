"""Applies a batch of events: journeys, stories, new lines of the ledger. Sends nothing; the pipeline does."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar
from uuid import UUID

from services.notifier import metrics
from services.notifier.domain.fold import fold
from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind, policy_name
from services.notifier.domain.plans import Entry, Plan
from services.notifier.domain.suppress import Silence, silence
from services.notifier.planning import new_notice
from services.notifier.store import journeys as store
from services.notifier.store import ledger
from services.notifier.store.beginnings import Beginning, begin
from services.notifier.store.journeys import Contact
from services.notifier.store.ledger import Lease, NewNotice
from services.notifier.telling import About, tell_suppressed
from shared.events.envelope import Event
from shared.events.intake import ComplaintSubmitted, PersonErased
from shared.policies import Packs
from shared.policies.watching import PolicySource
from shared.runtime.consumer import Batch
from shared.runtime.transaction import Tx


class Desk(Protocol):
    """Where the pipeline takes notices; see `pipeline/handover.py`."""

    def expect(self) -> None:
        """The transaction that is about to commit makes something due."""

    def lease(self, count: int) -> Lease | None:
        """A lease for about so many notices; none when they are better left to a claim."""

    def hand(self, lease: Lease, rows: Sequence[ledger.Row], journeys: Mapping[UUID, Journey]) -> None:
        """The notices that were leased."""


class Notifier:
    """The one handler of the service.

    Args:
        policies: the packs in force.
        desk: of the pipeline, which works on what a batch makes due after its commit.
    """

    def __init__(self, policies: PolicySource, desk: Desk) -> None:
        self._policies = policies
        self._desk = desk

    async def handle(self, batch: Batch, tx: Tx) -> None:
        """Fold the events one by one, then write everything with one statement per table."""
        ordinary = [event for event in batch.events if type(event) is not PersonErased]
        erased = {event.person_id for event in batch.events if isinstance(event, PersonErased)}
        touched = {event.complaint_id for event in ordinary}
        gone = await store.complaints_of(tx, erased) if erased else []
        work = _Work(await store.load(tx, touched | set(gone)), self._policies.packs, tx)
        for event in ordinary:
            work.take(event)
        await work.save(self._desk)
        if gone or erased:
            await self._erase(tx, work, {*gone, *work.of_persons(erased)})
        if work.due_now:
            self._desk.expect()

    async def _erase(self, tx: Tx, work: "_Work", complaint_ids: set[UUID]) -> None:
        """Forget persons: contacts and words go, what was still to be sent is not sent."""
        await store.erase(tx, complaint_ids)
        for row in await ledger.erase(tx, complaint_ids):
            work.say_suppressed(
                row["complaint_id"], row["notice_id"], row["kind"], row["cause_id"], Silence.ERASED, row["traceparent"]
            )
        for complaint_id in complaint_ids:
            work.journeys[complaint_id] = work.journeys[complaint_id].evolve(erased=True, reachable=False)
        await store.update(tx, [work.journeys[complaint_id] for complaint_id in sorted(complaint_ids)])


class _Work:
    """The state of one batch while it is folded."""

    def __init__(self, journeys: dict[UUID, Journey], packs: Packs, tx: Tx) -> None:
        self.journeys = journeys
        self.due_now = False
        self._before = dict(journeys)
        self._packs = packs
        self._tx = tx
        self._changed: set[UUID] = set()
        self._contacts: list[Contact] = []
        self._entries: list[Entry] = []
        self._first: dict[UUID, Journey] = {}
        self._notices: list[NewNotice] = []
        self._waiting: dict[UUID, list[int]] = {}
        self._released: set[UUID] = set()

    def take(self, event: Event) -> None:
        """Apply one event."""
        complaint_id = event.complaint_id
        before = self.journeys.get(complaint_id)
        step = fold(before, event)
        if step.journey is before and not step.late:
            return
        self.journeys[complaint_id] = step.journey
        self._changed.add(complaint_id)
        # Words of an erased person may still be on their way; they are not kept.
        if step.journey.erased:
            self._entries += (replace(entry, text=None, field=None) for entry in step.entries)
        else:
            self._entries += step.entries
        if step.release:
            self._release(complaint_id)
        if type(event) is ComplaintSubmitted:
            self._contacts.append(_contact(event))
        for plan in step.plans:
            self._plan(event, plan, late=step.late)
        if before is None and type(event) is ComplaintSubmitted and self.journeys[complaint_id] is step.journey:
            self._first[complaint_id] = step.journey  # not suppressed

    def of_persons(self, person_ids: set[UUID]) -> list[UUID]:
        """Complaints of this batch that belong to these persons."""
        return [i for i in self._changed if self.journeys[i].person_id in person_ids]

    async def save(self, desk: Desk) -> None:
        """Write everything that changed; journeys first, since their rows are the locks."""
        tx, began = self._tx, sorted(self._changed - self._before.keys())
        plain = {i: self._first[i] for i in began if self.journeys[i] is self._first.get(i)}
        await begin(tx, self._beginnings(plain))
        await store.insert(tx, [self.journeys[i] for i in began if i not in plain])
        known = sorted(self._changed & self._before.keys())
        await store.update(tx, [self.journeys[i] for i in known], self._before, self._entries)
        await store.insert_contacts(tx, self._contacts)
        await self._let_go(self._released & self._before.keys(), desk)
        await ledger.insert(tx, self._notices)

    def _beginnings(self, plain: Mapping[UUID, Journey]) -> list[Beginning]:
        """Complaints of which the batch tells no more than the submission; their rows are taken out of the others."""
        contacts, self._contacts = _parted(self._contacts, plain)
        entries, self._entries = _parted(self._entries, plain)
        notices, self._notices = _parted(self._notices, plain)
        return [Beginning(plain[i], contacts[i], entries[i], notices[i]) for i in plain]

    async def _let_go(self, complaint_ids: set[UUID], desk: Desk) -> None:
        """What waits in the ledger is due now: leased for this process when it has room, else left to a claim."""
        lease = desk.lease(len(complaint_ids)) if complaint_ids else None
        if lease is not None:
            desk.hand(lease, await ledger.lease_released(self._tx, complaint_ids, lease), self.journeys)
        elif complaint_ids:
            await ledger.release(self._tx, complaint_ids)
            self.due_now = True

    def _release(self, complaint_id: UUID) -> None:
        """What waits in the ledger, or was planned earlier in this batch, is due now."""
        self._released.add(complaint_id)
        for place in self._waiting.pop(complaint_id, ()):
            self._notices[place] = replace(self._notices[place], next_at=self._tx.now)
            self.due_now = True

    def _plan(self, event: Event, plan: Plan, *, late: bool) -> None:
        """Write a planned notice down: to be sent now, to wait a little, or not to be sent, with the reason."""
        journey, tx = self.journeys[plan.complaint_id], self._tx
        trace = tx.trace_of(str(event.event_id))
        why = self._switched_off(plan, journey) or silence(plan.kind, plan.subject_id, plan.epoch, journey)
        if late and why is not None:
            return
        notice = new_notice(plan, journey, self._packs, now=tx.now, trace=trace, why=why)
        self._notices.append(notice)
        if why is not None:
            self.say_suppressed(plan.complaint_id, notice.notice_id, plan.kind, plan.cause_id, why, trace)
        elif notice.next_at == tx.now:
            self.due_now = True
        else:
            self._waiting.setdefault(plan.complaint_id, []).append(len(self._notices) - 1)

    def say_suppressed(
        self,
        complaint_id: UUID,
        notice_id: UUID,
        kind: NoticeKind,
        cause_id: UUID,
        why: Silence,
        trace: str | None,
    ) -> None:
        """Tell that a notice is not sent."""
        metrics.settled(kind, "suppressed", why)
        journey = self.journeys[complaint_id]
        noted = "full" if kind == "acknowledgement" else journey.acknowledged
        journey = journey.evolve(own_version=journey.own_version + 1, acknowledged=noted)
        self.journeys[complaint_id] = journey
        about = About(
            complaint_id=complaint_id,
            reference=journey.reference,
            notice_id=notice_id,
            kind=kind,
            cause_id=cause_id,
            trace=trace,
        )
        tell_suppressed(self._tx, about, journey.own_version, reason=why)

    def _switched_off(self, plan: Plan, journey: Journey) -> Silence | None:
        pack = self._packs.by_name.get(journey.pack)
        off = pack is not None and not pack.notices.is_on(policy_name(plan.kind))  # type: ignore[arg-type]
        return Silence.SWITCHED_OFF if off else None


class _Row(Protocol):
    @property
    def complaint_id(self) -> UUID: ...


_R = TypeVar("_R", bound=_Row)


def _parted(rows: Iterable[_R], of: Container[UUID]) -> tuple[dict[UUID, _R], list[_R]]:
    """The first row of each of these complaints, and all the others."""
    first: dict[UUID, _R] = {}
    others: list[_R] = []
    for row in rows:
        if row.complaint_id in of and row.complaint_id not in first:
            first[row.complaint_id] = row
        else:
            others.append(row)
    return first, others


def _contact(event: ComplaintSubmitted) -> Contact:
    return Contact(
        complaint_id=event.complaint_id,
        person_id=event.person_id,
        name=event.name,
        email=event.email if event.consent else None,  # an address that must not be written to is not kept
        token=event.progress_token,
        token_hash=bytes.fromhex(event.progress_token_hash),
        store=event.store,
        store_id=event.store_id,
    )
