"""First stage: notices under a lease, with everything needed to write them."""

import time
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.values import value
from services.notifier.store import ledger
from services.notifier.store.journeys import journey_of
from services.notifier.store.ledger import Lease, Row
from shared.runtime.pg import Database


@value
class Claimed:
    """A notice that is ours until the lease ends.

    Attributes:
        lease: the fencing token; whoever claims the row later has another.
        since, expires: by `time.monotonic()`; nothing may be begun that could last longer.
        at: by the database's clock, when it was claimed.
        name, email, token, said: sealed; `said_field` is the field of `said`, `said_by` the department that said it.
        overtaken: a later message tells the date that takes the place of this one's.
        attempts: that reached the mail relay before this one.
        resends: 1 when this is the one resend after an unknown outcome.
    """

    complaint_id: UUID
    notice_id: UUID
    lease: UUID
    since: float
    expires: float
    at: datetime
    journey: Journey
    kind: NoticeKind
    cause_id: UUID
    recipient_ref: UUID
    subject_id: UUID | None
    epoch: int
    previous_department: str | None
    due_at: datetime | None
    former_due_at: datetime | None
    variant: str
    attempts: int
    resends: int
    due_since: datetime
    traceparent: str | None
    name: str | None
    email: str | None
    token: str | None
    said: str | None
    said_field: str | None
    said_by: str | None
    overtaken: bool

    @property
    def now(self) -> datetime:
        """The time by the database's clock, as far as this process can tell."""
        return self.at + timedelta(seconds=time.monotonic() - self.since)


async def claim(database: Database, count: int, length: timedelta) -> tuple[list[Claimed], bool]:
    """Lease up to `count` notices that are due; answers whether there may be more."""
    lease = Lease(token=uuid4(), since=time.monotonic(), length=length)
    rows, more = await ledger.claim(database, count, lease)
    return [claimed_of(row, journey_of(row), lease) for row in rows], more


def claimed_of(row: Row, journey: Journey, lease: Lease) -> Claimed:
    """The claim of a leased row."""
    return Claimed(
        complaint_id=row["complaint_id"],
        notice_id=row["notice_id"],
        lease=lease.token,
        since=lease.since,
        expires=lease.expires,
        at=row["now"],
        journey=journey,
        kind=row["kind"],
        cause_id=row["cause_id"],
        recipient_ref=row["recipient_ref"],
        subject_id=row["subject_id"],
        epoch=row["notice_epoch"],
        previous_department=row["previous_department"],
        due_at=row["due_at"],
        former_due_at=row["former_due_at"],
        variant=row["variant"],
        attempts=row["attempts"],
        resends=row["resends"],
        due_since=row["due_since"],
        traceparent=row["traceparent"],
        name=row["name"],
        email=row["email"],
        token=row["token"],
        said=row["said"],
        said_field=row["said_field"],
        said_by=row["said_by"],
        overtaken=row["overtaken"],
    )
