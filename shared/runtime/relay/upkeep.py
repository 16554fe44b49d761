"""What the relay does beside publishing: it measures, keeps the outbox in partitions, and watches for truncated logs."""

import logging
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.partitions import renew_partitions
from shared.runtime.pg import Database
from shared.runtime.relay.lane import Place
from shared.runtime.relay.lanes import Lanes
from shared.runtime.relay.quarantine import Quarantine
from shared.runtime.relay.truncation import Truncations

log = logging.getLogger(__name__)

_AGE = """
SELECT count(*) AS depth, count(*) FILTER (WHERE shard = ANY ($1::smallint[])) AS ours,
       coalesce(extract(epoch FROM clock.now() - min(occurred_at)), 0)::float8 AS age
FROM (SELECT shard, occurred_at FROM outbox_unpublished ORDER BY id LIMIT 10000) AS oldest
"""
_KEPT = """
SELECT least(clock.now() - make_interval(secs => $1), (SELECT min(occurred_at) FROM outbox_unpublished)) AS before
"""
_SPAN = timedelta(days=2)
_PARTITIONS_EVERY = 1_800.0
_LOOK_EVERY = 5.0


class Upkeep:
    """One relay's chores."""

    def __init__(self, database: Database, service: str, bootstrap: KafkaAccess | str, days: float) -> None:
        self._database = database
        self._service = service
        self._kept = timedelta(days=days)
        self._partitions_at = 0.0
        self._looked = 0.0
        self._truncations = Truncations(database, service, bootstrap)

    @property
    def told(self) -> dict[str, str]:
        """Truncations of the last hour, by partition."""
        return self._truncations.told

    async def measure(self, shards: Iterable[int]) -> int:
        """Set the gauges of age and depth; now and then make partitions ahead and drop those of the past.

        Returns:
            How many events of these shards wait, of the oldest 10,000 of all.
        """
        row = await self._database.fetchrow(_AGE, sorted(shards))
        if row is not None:
            metrics.OUTBOX_DEPTH.labels(self._service).set(row["depth"])
            metrics.OUTBOX_AGE.labels(self._service).set(max(0.0, row["age"]))
        if time.monotonic() - self._partitions_at > _PARTITIONS_EVERY or not self._partitions_at:
            await self._renew_partitions()
        return row["ours"] if row is not None else 0

    async def _renew_partitions(self) -> None:
        try:
            before = await self._database.fetchval(_KEPT, self._kept.total_seconds())
            made, dropped = await renew_partitions(self._database, "outbox", span=_SPAN, before=before, ahead=2)
        except Exception as error:
            log.warning("partitions not renewed", extra={"action": "partitions_retry", "error": safe_text(error)})
            return
        self._partitions_at = time.monotonic()
        if made or dropped:
            log.info("partitions renewed", extra={"action": "partitions", "made": made, "dropped": dropped})

    async def begin(self, connection: Any) -> None:
        """Learn what the broker acknowledged before, and whether its logs still reach so far."""
        await self._truncations.begin(connection)

    def stop(self) -> None:
        """Search no more."""
        self._truncations.stop()

    def note(self, place: Place, offset: int, count: int) -> None:
        """The broker has acknowledged records from an offset on."""
        self._truncations.note(place, offset, count)

    async def save(self, connection: Any) -> None:
        """Keep what was acknowledged."""
        await self._truncations.save(connection)

    async def renew_knowledge(self, connection: Any, quarantine: Quarantine, lanes: Lanes) -> None:
        """Every few seconds: whether dead letters were replayed, whether a log is to be filled again."""
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self._looked = time.monotonic()
            await quarantine.load(connection)
            await self._truncations.learn(connection, lanes)
        await self._truncations.mend(connection, lanes)
