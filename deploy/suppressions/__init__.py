"""Mailboxes that are not written to: which there are, and writing to one again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from deploy.database import Connection
from shared.runtime.pg import load_queries

Q = load_queries("deploy.suppressions")


class Suppressed(NamedTuple):
    """A mailbox that is not written to.

    Attributes:
        mailbox: its keyed hash in hex; the address itself is known to nobody here.
        reason: as in `notice.suppressed`.
        complaints: how many complaints gave it.
        newest: references of at most five of them, the newest first.
    """

    mailbox: str
    reason: str
    since: datetime
    until: datetime
    complaints: int
    newest: Sequence[str]


async def listed(connection: Connection) -> list[Suppressed]:
    """All that are in force, the newest first."""
    rows = await connection.fetch(Q.listed)
    return [Suppressed(**{**dict(row), "newest": tuple(row["newest"] or ())}) for row in rows]


async def lift(connection: Connection, contact_hash: bytes) -> bool:
    """Write to a mailbox again from now on; answers whether it was suppressed."""
    return await connection.fetchrow(Q.lift, contact_hash) is not None
