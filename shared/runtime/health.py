"""What this copy can do now: `/livez` and `/readyz`, and why a process of this service ended before.

Each check tells its reason. Which checks a copy must pass to be given requests is the service's own choice (`needs`):
intake takes complaints without Kafka. What else fails makes it `degraded`, which answers 200 all the same.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from shared.runtime import metrics
from shared.runtime.consumer import Consumer
from shared.runtime.errors import safe_text
from shared.runtime.pg import Database
from shared.runtime.relay import Relay

log = logging.getLogger(__name__)

_OVERLOOKED = 20.0
"""Seconds: two measurements."""
CHECKS = frozenset({"database", "reader", "topics", "relay", "vault"})
_FRESH = 30.0
_ENDS = "SELECT what, count(*) AS count, max(ended_at) AS last FROM process_end GROUP BY what ORDER BY last DESC"
_END = "INSERT INTO process_end (what) VALUES ($1)"


class Health:
    """The health of one copy.

    Attributes:
        needs: checks that must pass for `ready` or `degraded`: `database` (it answers), `reader` (it has joined its
            group once, and does not wait for a fault of ours). `topics` (every wanted topic has a reader and moves) and
            `relay` (the broker takes what we publish) only ever degrade. `vault`: the master key was found right.
        also: further checks by name, each of which answers what is wrong or nothing.
        consumer: the reader, of a service that has one.
    """

    def __init__(self, service: str, database: Database, relay: Relay, needs: frozenset[str]) -> None:
        assert needs <= CHECKS, f"no check is named {sorted(needs - CHECKS)}"
        self._service = service
        self._database = database
        self._relay = relay
        self._joined = False
        self._last_end: dict[str, Any] | None = None
        self.needs = needs
        self.consumer: Consumer | None = None
        self.also: dict[str, Callable[[], str | None]] = {}

    async def alive(self) -> tuple[int, dict[str, Any]]:
        """The process answers."""
        return 200, {"status": "alive", "service": self._service}

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """`ready`, `degraded` (200) or `not ready` (503), each failed check with its reason."""
        reasons: dict[str, str] = {}
        if not await self._database_answers():
            reasons["database"] = "Postgres does not answer, or the migrations have not run"
        if self.consumer is not None:
            reasons |= {name: why for name, why in (("reader", self._reader()), ("topics", self._topics())) if why}
        if not self._relay.connected:
            reasons["relay"] = "Kafka does not take what is published; it waits in the outbox"
        elif self._relay.overlooked > _OVERLOOKED:
            reasons["relay"] = (
                "events wait in the outbox and are not published; the watchdog restarts this copy if it lasts"
            )
        reasons |= {name: why for name, check in self.also.items() if (why := check()) is not None}
        names = ["database", *(["reader", "topics"] if self.consumer is not None else []), "relay", *self.also]
        failed = self.needs & reasons.keys()
        status = "not ready" if failed else "degraded" if reasons else "ready"
        body: dict[str, Any] = {"status": status, "service": self._service}
        body["checks"] = {name: name not in reasons for name in names}
        if reasons:
            body["reasons"] = reasons
        if self.consumer is not None:
            body["reader"] = self._seat(self.consumer)
        if troubles := self._relay.troubles:
            body["relay"] = troubles
        if self._last_end is not None:
            body["last_failure"] = self._last_end
        return (503 if failed else 200), body

    def _reader(self) -> str | None:
        """Why nothing is read here; a copy without partitions is a standby and well."""
        assert self.consumer is not None
        stumbles = self.consumer.stumbles
        if self.consumer.broken:
            return "it gives up; the process ends"
        if stumbles.wait is not None and stumbles.wait.kind != "dependency":
            return stumbles.wait.told
        self._joined = self._joined or self.consumer.placed is not None
        if not self._joined:
            return f"it has not joined its group yet{f' ({stumbles.refused})' if stumbles.refused else ''}"
        return None

    def _topics(self) -> str | None:
        """What of the wanted topics is not read, here or anywhere."""
        assert self.consumer is not None
        reach, stumbles = self.consumer.reach, self.consumer.stumbles
        told = [f"{topic} does not exist" for topic in sorted(reach.missing)]
        told += [f"{p.topic}[{p.partition}] has no reader" for p in reach.left_alone]
        told += [
            f"{one.topic}[{one.partition}]@{one.offset} cannot be read: {one.why} (redress skip)"
            for one in stumbles.unreadable.values()
        ]
        told += [
            f"{p.topic}[{p.partition}] does not move at {self.consumer.offsets.reached.get(p)}"
            for p in sorted(reach.still)
            if p not in stumbles.unreadable and stumbles.wait is None
        ]
        if stumbles.wait is not None and stumbles.wait.kind == "dependency":
            told.append(stumbles.wait.told)
        if stumbles.refused is not None:
            told.append(f"the reader waits ({stumbles.refused})")
        if not told and time.monotonic() - reach.answered > _FRESH and self._joined:
            told.append("Kafka does not answer")
        return "; ".join(told) or None

    def _seat(self, consumer: Consumer) -> dict[str, Any]:
        client, seat = consumer.client, consumer.seat
        partitions = len(client.assignment()) if client is not None and consumer.placed is not None else 0
        told: dict[str, Any] = {
            "identity": seat.identity if seat else None,
            "partitions": partitions,
            "standby": consumer.placed is not None and partitions == 0,
        }
        if seat is not None and seat.conflict is not None:
            told["conflict"] = (
                f"another process reads as {seat.conflict}: give each copy a host name or port of its own"
            )
        return told

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(2):
                return bool(await self._database.fetchval("SELECT 1 FROM migration LIMIT 1"))
        except Exception:
            return False

    # -- why processes ended -------------------------------------------------------------------------------------------

    async def remember(self) -> None:
        """Count how often processes of this service gave up, and say why the last one did."""
        rows = await self._database.fetch(_ENDS)
        for row in rows:
            metrics.WATCHDOG.labels(self._service, row["what"]).inc(row["count"])
        if rows:
            self._last_end = {"what": rows[0]["what"], "at": rows[0]["last"].isoformat()}
            log.warning("a process of this service gave up before", extra={"action": "ended_before", **self._last_end})

    async def record(self, what: str) -> None:
        """Keep why this process ends, for the next one to tell."""
        try:
            async with asyncio.timeout(2):
                await self._database.execute(_END, what)
        except Exception as error:
            log.warning("the end cannot be kept", extra={"action": "end_record", "error": safe_text(error)})
