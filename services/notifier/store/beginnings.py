"""Complaints of which only the submission is known, as most are when they begin: written with one statement."""

from collections.abc import Sequence
from datetime import timedelta
from operator import attrgetter
from typing import NamedTuple

import asyncpg

from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Entry
from services.notifier.store.journeys import QUERIES, Contact, begun_elsewhere, columns
from services.notifier.store.ledger import NewNotice
from shared.runtime.transaction import Tx

_journey_row = attrgetter(
    "complaint_id",
    "reference",
    "pack",
    "language",
    "person_id",
    "channel",
    "received_at",
    "intake_version",
)
_entry_row = attrgetter("event_id", "text")
_contact_row = attrgetter("name", "email", "token", "token_hash", "store", "store_id")
_notice_row = attrgetter("notice_id", "traceparent")


class Beginning(NamedTuple):
    """A submission's four rows: the journey as the submission made it, and an acknowledgement that waits for owner and date."""

    journey: Journey
    contact: Contact
    entry: Entry
    notice: NewNotice


async def begin(tx: Tx, beginnings: Sequence[Beginning]) -> None:
    """Keep complaints that began in this transaction.

    Raises:
        Transient: another copy of the service began one of them at the same moment; the batch is to be done again.
    """
    if beginnings:
        rows = [
            (
                *_journey_row(one.journey),
                *_entry_row(one.entry),
                *_contact_row(one.contact),
                *_notice_row(one.notice),
                _patience(one.notice, tx),
            )
            for one in beginnings
        ]
        try:
            await tx.execute(QUERIES.begin_complaints, *columns(rows), tx.now)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "journey_pkey":  # written first; anything else is no race but bad data
                raise
            raise begun_elsewhere() from None


def _patience(notice: NewNotice, tx: Tx) -> timedelta | None:
    """How long the acknowledgement waits; a moment with its zone takes longer to write into an array."""
    return notice.next_at - tx.now if notice.next_at is not None else None
