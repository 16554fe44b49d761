"""The ledger of notices: new lines, claims with a fencing token, outcomes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

import asyncpg

from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.suppress import SUPPRESSED_FOR
from services.notifier.domain.values import value
from services.notifier.store.journeys import QUERIES, columns
from shared.runtime.pg import Database
from shared.runtime.transaction import Tx

Row = asyncpg.Record


@value
class NewNotice:
    """A line of the ledger to be written: pending until `next_at`, or suppressed for a `reason`."""

    complaint_id: UUID
    notice_id: UUID
    kind: NoticeKind
    cause_id: UUID
    recipient_ref: UUID
    subject_id: UUID | None
    epoch: int
    previous_department: str | None
    due_at: datetime | None
    former_due_at: datetime | None
    variant: str
    next_at: datetime | None
    reason: str | None
    traceparent: str | None


@value
class Settlement:
    """What becomes of a leased notice: `next_at` none means settled for good."""

    complaint_id: UUID
    notice_id: UUID
    lease: UUID
    state: str
    next_at: datetime | None
    reason: str | None
    resends: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A time for which notices belong to one process.

    Attributes:
        token: the fencing token; whoever leases a row later has another.
        since: by `time.monotonic()`, before any row was leased.
    """

    token: UUID
    since: float
    length: timedelta

    @property
    def expires(self) -> float:
        """By `time.monotonic()`; nothing may be begun that could last longer."""
        return self.since + self.length.total_seconds()


_new_row = attrgetter(*(field.name for field in fields(NewNotice)))
_sent_row = attrgetter("complaint_id", "notice_id", "lease")
_settlement_row = attrgetter(*(field.name for field in fields(Settlement)))


async def insert(tx: Tx, notices: Sequence[NewNotice]) -> None:
    """Write new lines; one whose cause, recipient and channel are there already is dropped."""
    if notices:
        await tx.execute(QUERIES.insert_notices, *columns(map(_new_row, notices)), tx.now)


async def release(tx: Tx, complaint_ids: Collection[UUID]) -> None:
    """What waited in these complaints is due now."""
    if complaint_ids:
        await tx.execute(QUERIES.release_notices, list(complaint_ids), tx.now)


async def lease_released(tx: Tx, complaint_ids: Collection[UUID], lease: Lease) -> list[Row]:
    """What waited in these complaints is due now; of each complaint the oldest is leased in the same step."""
    rows = await tx.fetch(QUERIES.lease_released, list(complaint_ids), tx.now, lease.token, lease.length)
    return [row for row in rows if row["is_first"]]


async def erase(tx: Tx, complaint_ids: Collection[UUID]) -> list[Row]:
    """Suppress what was still to be sent; answers those notices."""
    return await tx.fetch(QUERIES.erase_notices, list(complaint_ids), tx.now)


async def claim(database: Database, count: int, lease: Lease) -> tuple[list[Row], bool]:
    """Lease due notices, of each complaint one at a time, with everything needed to write them; answers whether there may
    be more than the `count` that were looked at.
    """
    rows = await database.fetch(QUERIES.claim_notices, count, lease.token, lease.length)
    return [row for row in rows if row["is_first"]], len(rows) == count


async def mark_sending(database: Database, notices: Sequence[tuple[UUID, UUID, UUID, str, bytes]]) -> frozenset[UUID]:
    """Say that these (complaint, notice, lease, Message-ID, mailbox) are about to leave; answers those that may."""
    if not notices:
        return frozenset()
    rows = await database.fetch(QUERIES.mark_sending, *columns(notices))
    return frozenset(row["notice_id"] for row in rows)


async def suppressed_among(database: Database, hashes: Collection[bytes]) -> frozenset[bytes]:
    """Which of these mailboxes are not to be written to."""
    return frozenset(row["contact_hash"] for row in await database.fetch(QUERIES.find_suppressed, list(hashes)))


async def count_own_events(tx: Tx, counts: Mapping[UUID, tuple[int, str | None]]) -> dict[UUID, tuple[int, str | None]]:
    """Draw versions for events of our own; answers the last version and the present owner of each complaint."""
    rows = [(complaint_id, count, noted) for complaint_id, (count, noted) in sorted(counts.items())]
    if not rows:
        return {}
    drawn = await tx.fetch(QUERIES.count_own_events, *columns(rows))
    return {row["complaint_id"]: (row["own_version"], row["department"]) for row in drawn}


async def settle(tx: Tx, settlements: Sequence[Settlement]) -> frozenset[tuple[UUID, UUID]]:
    """Write outcomes; answers the notices that were still ours to settle, with the lease by which they were."""
    sent = [one for one in settlements if one.state == "sent"]
    others = [one for one in settlements if one.state != "sent"]
    rows: list[Row] = []
    if sent:
        rows += await tx.fetch(QUERIES.settle_sent, *columns(map(_sent_row, sent)), tx.now)
    if others:
        rows += await tx.fetch(QUERIES.settle_notices, *columns(map(_settlement_row, others)), tx.now)
    return frozenset((row["notice_id"], row["lease"]) for row in rows)


async def suppress(tx: Tx, hashes: Collection[bytes], reason: str) -> None:
    """Write to these mailboxes no more for a while."""
    if hashes:
        await tx.execute(QUERIES.insert_suppressions, list(hashes), reason, tx.now, SUPPRESSED_FOR)


async def newest_assignments(tx: Tx, complaint_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The event that made each complaint's present owner."""
    if not complaint_ids:
        return {}
    rows = await tx.fetch(QUERIES.newest_assignments, list(complaint_ids))
    return {row["complaint_id"]: row["event_id"] for row in rows}


async def find_lost(tx: Tx, count: int, notice_id: UUID | None = None) -> list[Row]:
    """Notices whose sender died between sending and recording, locked; or one of them."""
    return await tx.fetch(QUERIES.find_lost, count, notice_id)


async def due_lost(database: Database, count: int) -> list[UUID]:
    """The ids of such notices."""
    return [row["notice_id"] for row in await database.fetch(QUERIES.due_lost, count)]


async def postpone_lost(database: Database, notice_id: UUID) -> None:
    """Leave such a notice alone for a while that grows."""
    await database.execute(QUERIES.postpone_lost, notice_id)


async def measure(database: Database) -> tuple[int, float]:
    """How many notices are due and not sent, retries included, and for how many seconds the oldest has waited."""
    row = await database.fetchrow(QUERIES.measure_ledger)
    return (row["waiting"], row["oldest"]) if row is not None else (0, 0.0)
