"""Last stage: what has ended, written down and told, many ends with one transaction."""

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from uuid import UUID

from services.notifier import metrics
from services.notifier.domain.plans import Plan
from services.notifier.pipeline.ended import Ended, State
from services.notifier.planning import new_notice
from services.notifier.store import journeys as store
from services.notifier.store import ledger
from services.notifier.telling import About, tell_failed, tell_sent, tell_suppressed, tell_unknown
from shared.policies.watching import PolicySource
from shared.runtime.transaction import Tx

Transaction = Callable[[], AbstractAsyncContextManager[Tx]]
_LOST = 200


class Recorder:
    """Writes the ends of claims.

    Args:
        transaction: of the service, with its outbox.
    """

    def __init__(self, transaction: Transaction, policies: PolicySource) -> None:
        self._transaction = transaction
        self._policies = policies

    async def record(self, ends: Sequence[Ended]) -> None:
        """One transaction: states, suppressed mailboxes, events. Ends of a lost lease leave no trace, nor a version."""
        async with self._transaction() as tx:
            still = await ledger.settle(tx, [end.settlement for end in ends])
            ours = [end for end in ends if (end.claimed.notice_id, end.claimed.lease) in still]
            await ledger.suppress(tx, {end.mailbox for end in ours if end.mailbox is not None}, "bad_mailbox")
            drawn = await ledger.count_own_events(tx, _counts(ours))
            versions = {complaint_id: version for complaint_id, (version, _) in drawn.items()}
            for end, version in _numbered([end for end in ours if end.tells], versions):
                _tell(tx, end, version)
            await self._follow(tx, [end for end in ours if _is_outdated(end, drawn)])
        for end in ours:
            _measure(end, tx.now)

    async def record_lost(
        self, unrecorded: Callable[[], Container[tuple[UUID, UUID]]], only: UUID | None = None
    ) -> int:
        """Take over notices whose sender died while sending: unknown, and due once more. Answers how many.

        Args:
            unrecorded: notices, with their leases, whose outcome is known here and not yet written down. They are not
                lost, however long the database was away. Asked when the rows are locked: outcomes come meanwhile.
            only: this one notice.
        """
        async with self._transaction() as tx:
            found = await ledger.find_lost(tx, _LOST, only)
            known = unrecorded() if found else ()
            rows = [row for row in found if (row["notice_id"], row["lease"]) not in known]
            if not rows:
                return 0
            counts: dict[UUID, tuple[int, str | None]] = {}
            for row in rows:
                count, noted = counts.get(row["complaint_id"], (0, None))
                if row["kind"] == "acknowledgement" and row["resends"]:
                    noted = "full"  # settled for good: what comes after it is told
                counts[row["complaint_id"]] = (count + 1, noted)
            versions = {i: version for i, (version, _) in (await ledger.count_own_events(tx, counts)).items()}
            await ledger.settle(tx, [_lost(row, tx) for row in rows])
            for row in rows:
                about = About(
                    complaint_id=row["complaint_id"],
                    reference=row["reference"],
                    notice_id=row["notice_id"],
                    kind=row["kind"],
                    cause_id=row["cause_id"],
                    trace=row["traceparent"],
                )
                tell_unknown(
                    tx, about, versions[row["complaint_id"]], message_id=row["message_id"], again=row["resends"] == 0
                )
                versions[row["complaint_id"]] -= 1
        metrics.UNKNOWN.inc(len(rows))
        return len(rows)

    async def _follow(self, tx: Tx, ends: Sequence[Ended]) -> None:
        """Acknowledgements that left without the present owner: plan the notice that names it."""
        if not ends:
            return
        journeys = await store.load(tx, {end.claimed.complaint_id for end in ends})
        causes = await ledger.newest_assignments(tx, journeys)
        notices = []
        for end in ends:
            journey, cause_id = journeys[end.claimed.complaint_id], causes.get(end.claimed.complaint_id)
            if cause_id is None:
                continue
            plan = Plan(
                complaint_id=journey.complaint_id,
                kind="assignment",
                cause_id=cause_id,
                epoch=journey.epoch,
                waits="no" if journey.informed else "owner",
            )
            notices.append(new_notice(plan, journey, self._policies.packs, now=tx.now, trace=end.trace, why=None))
        await ledger.insert(tx, notices)
        await store.note_owner_told(tx, [notice.complaint_id for notice in notices])


def _is_outdated(end: Ended, drawn: Mapping[UUID, tuple[int, str | None]]) -> bool:
    """Whether an acknowledgement that was sent names no owner, or one that is no more, while there is one now."""
    claimed = end.claimed
    if claimed.kind != "acknowledgement" or end.state is not State.SENT:
        return False
    owner = drawn[claimed.complaint_id][1]
    return owner is not None and (end.bare or owner != claimed.journey.department)


def _counts(ends: Sequence[Ended]) -> dict[UUID, tuple[int, str | None]]:
    """How many events each complaint needs, and what to note of its acknowledgement."""
    counts: dict[UUID, tuple[int, str | None]] = {}
    for end in ends:
        complaint_id = end.claimed.complaint_id
        count, noted = counts.get(complaint_id, (0, None))
        if end.claimed.kind == "acknowledgement" and end.next_at is None:
            noted = "bare" if end.bare else "full"
        if end.tells or noted:
            counts[complaint_id] = (count + end.tells, noted)
    return counts


def _numbered(told: Sequence[Ended], last: dict[UUID, int]) -> list[tuple[Ended, int]]:
    """Each end with its event's version: those of one complaint count up to the last one drawn."""
    numbered = []
    for end in reversed(told):
        complaint_id = end.claimed.complaint_id
        numbered.append((end, last[complaint_id]))
        last[complaint_id] -= 1
    return numbered[::-1]


def _tell(tx: Tx, end: Ended, version: int) -> None:
    claimed = end.claimed
    about = About(
        complaint_id=claimed.complaint_id,
        reference=claimed.journey.reference,
        notice_id=claimed.notice_id,
        kind=claimed.kind,
        cause_id=claimed.cause_id,
        trace=end.trace or claimed.traceparent,
    )
    if end.state is State.SENT:
        tell_sent(tx, about, version, message_id=end.message_id, attempts=claimed.attempts + 1)
    elif end.state is State.UNKNOWN:
        tell_unknown(tx, about, version, message_id=end.message_id, again=end.next_at is not None)
    elif end.state is State.SUPPRESSED:
        tell_suppressed(tx, about, version, reason=str(end.reason))
    else:
        tell_failed(tx, about, version, reason=str(end.reason))


def _lost(row: ledger.Row, tx: Tx) -> ledger.Settlement:
    """Once more at once, since the lease has long run out; never a third time."""
    return ledger.Settlement(
        complaint_id=row["complaint_id"],
        notice_id=row["notice_id"],
        lease=row["lease"],
        state=State.UNKNOWN,
        next_at=tx.now if row["resends"] == 0 else None,
        reason="sender_died",
        resends=1,
    )


def _measure(end: Ended, now: datetime) -> None:
    claimed = end.claimed
    if end.state is State.UNKNOWN and end.tells:
        metrics.UNKNOWN.inc()
    if end.next_at is None:
        metrics.settled(claimed.kind, end.state, end.reason)
    if end.state is State.SENT:
        metrics.DELAY.observe(max(0.0, (now - claimed.due_since).total_seconds()))
