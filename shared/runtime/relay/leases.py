"""Which copy of a service publishes which shard: leases by the database's clock, shared fairly among the copies that live.

A copy that ends hands its shards over at once, one that dies loses them when its lease runs out. A copy that wakes up
late and publishes what others have published since does no harm: each publishes in the order of ids, so that the first
copies of events keep their order, and readers drop the rest.

The clock is `clock_timestamp()`, not `clock.now()`, which tests let stand still.
"""

import asyncio
import logging
import time
from typing import Any
from uuid import UUID, uuid4

from shared.runtime.errors import safe_text
from shared.runtime.outbox import SHARDS
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

SECONDS = 12.0
"""A lease lasts so long. It is renewed every `_EVERY` seconds."""
_EVERY = 3.0

_LIVE = """
INSERT INTO relay_copy (copy, until) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (copy) DO UPDATE SET until = excluded.until RETURNING xmax = 0 AS joined
"""
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('redress.relay.leases'), hashtext(current_schema()))"
_BURY = """
DELETE FROM relay_copy
WHERE copy <> $1 AND (until < clock_timestamp() OR until > clock_timestamp() + make_interval(secs => 2 * $2))
"""
_COPIES = "SELECT copy FROM relay_copy ORDER BY copy"
_HELD = "SELECT shard FROM relay_lease WHERE copy = $1"
_TAKE = """
UPDATE relay_lease SET copy = $1
WHERE shard IN (
    SELECT shard FROM relay_lease
    WHERE copy IS NULL OR copy NOT IN (SELECT c.copy FROM relay_copy c) ORDER BY shard LIMIT $2
) RETURNING shard
"""
_GIVE = "UPDATE relay_lease SET copy = NULL WHERE copy = $1 AND shard = ANY ($2::smallint[])"
_LEAVE = "DELETE FROM relay_copy WHERE copy = $1"


def fair_share(place: int, copies: int) -> int:
    """How many shards a copy should hold: the first ones take what does not divide."""
    return SHARDS // copies + (1 if place < SHARDS % copies else 0)


class Leases:
    """The leases of one copy.

    Attributes:
        copy: the id of this copy.
        held: the shards it holds.
        surplus: how many of them it should give to others.
    """

    def __init__(self, database: Database, service: str) -> None:
        self.copy: UUID = uuid4()
        self.held: frozenset[int] = frozenset()
        self.surplus = 0
        self._database = database
        self._channel = f"redress_relay_{service}"
        self._until = 0.0
        self._stir = asyncio.Event()

    @property
    def valid(self) -> bool:
        """Whether what is held is still ours, as far as this process can know."""
        return time.monotonic() < self._until

    async def listen(self, connection: Any) -> None:
        """Hear at once when another copy comes or goes."""
        await connection.add_listener(self._channel, lambda *_: self._stir.set())

    async def run(self, changed: asyncio.Event) -> None:
        """Renew until cancelled; sets `changed` when there is something to take over or to give up."""
        while True:
            self._stir.clear()
            before = self.held, self.surplus, self.valid
            alone = False
            try:
                alone = await self.renew()
            except Exception as error:
                log.warning("leases not renewed", extra={"action": "lease_retry", "error": safe_text(error)})
            if (self.held, self.surplus, self.valid) != before or self.surplus:
                changed.set()
            try:
                async with asyncio.timeout(_EVERY if alone else 0.5):
                    await self._stir.wait()
            except TimeoutError:
                pass

    async def renew(self) -> bool:
        """One round: say that we live, take what is free of our share; answers whether another copy was not at it too."""
        began = time.monotonic()
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            joined = await connection.fetchval(_LIVE, self.copy, SECONDS)
            alone = bool(await connection.fetchval(_ALONE))
            if alone:
                await connection.execute(_BURY, self.copy, SECONDS)
            copies = [row["copy"] for row in await connection.fetch(_COPIES)]
            share = fair_share(copies.index(self.copy), len(copies))
            held = {row["shard"] for row in await connection.fetch(_HELD, self.copy)}
            if alone and len(held) < share:
                held |= {row["shard"] for row in await connection.fetch(_TAKE, self.copy, share - len(held))}
            if joined:
                await connection.execute(f"NOTIFY {self._channel}")
        self._until = began + SECONDS - 1
        self.held = frozenset(held)
        self.surplus = max(0, len(held) - share)
        return alone

    async def give(self, shards: set[int]) -> None:
        """Let others have shards, at once."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(_GIVE, self.copy, sorted(shards))
            await connection.execute(f"NOTIFY {self._channel}")
        self.held -= shards
        self.surplus = max(0, self.surplus - len(shards))

    async def leave(self) -> None:
        """This copy ends."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(_GIVE, self.copy, list(range(SHARDS)))
            await connection.execute(_LEAVE, self.copy)
            await connection.execute(f"NOTIFY {self._channel}")
        self.held, self.surplus, self._until = frozenset(), 0, 0.0
