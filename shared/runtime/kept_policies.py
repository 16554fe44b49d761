"""The last good policy packs, in the service's own schema: a copy on a new host finds them there too."""

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

from shared.policies.errors import PolicyError
from shared.policies.packs import KeptPack
from shared.policies.watching import PolicySource
from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

_KEEP = """
INSERT INTO policy_kept AS k (folder, version, names, contents) VALUES ($1, $2, $3, $4)
ON CONFLICT (folder) DO UPDATE
SET version = excluded.version, names = excluded.names, contents = excluded.contents, since = clock.now()
WHERE k.version <> excluded.version
"""
_ALL = "SELECT folder, version, names, contents, since FROM policy_kept"


_OWNING: Mapping[str, str] = {
    "intake": "SELECT department, count(*)::int AS n FROM standing"
    " WHERE department IS NOT NULL AND state IN ('submitted', 'assigned') GROUP BY department",
    "router": "SELECT department, count(*)::int AS n FROM cases WHERE state <> 'closed' GROUP BY department",
    "sla": "SELECT department, count(*)::int AS n FROM journey"
    " WHERE department IS NOT NULL AND phase <> 'closed' GROUP BY department",
    "notifier": "SELECT department, count(*)::int AS n FROM journey"
    " WHERE department IS NOT NULL AND phase <> 'closed' GROUP BY department",
}
"""Which departments have how many open cases, as each service knows it."""
_HELD_AGAIN = 12
"""Looks between two counts of the cases of departments that are held."""


class PolicyKeeper:
    """Looks whether policy files have changed, says what is refused, and keeps the packs in force for the next start."""

    def __init__(self, database: Database, service: str, policies: PolicySource) -> None:
        self._database = database
        self._service = service
        self._policies = policies
        self._told: PolicyError | None = None
        self._kept: Mapping[str, KeptPack] | None = None
        self._looks = 0

    async def refresh(self) -> None:
        """One look."""
        policies = self._policies
        self._looks += 1
        if policies.differs or (policies.held and self._looks % _HELD_AGAIN == 0):
            await self._reload()
        if policies.error is not None and (self._told is None or str(policies.error) != str(self._told)):
            extra = {"action": "policies_refused", "problems": str(policies.error), "packs": sorted(policies.stale)}
            log.error("policies refused, the last good ones stay", extra=extra)
        self._told = policies.error
        metrics.POLICY_OK.labels(self._service).set(0 if policies.error else 1)
        await self._keep(policies.good)

    async def _reload(self) -> None:
        """Read the files again, knowing which departments own cases; while the database is away, later."""
        try:
            rows = await self._database.fetch(_OWNING[self._service])
        except Exception as error:
            extra = {"action": "policies_wait", "error": safe_text(error)}
            log.warning("changed policies wait until it is known who owns cases", extra=extra)
            return
        owning = {row["department"]: row["n"] for row in rows}
        if await asyncio.to_thread(self._policies.refresh, owning):
            log.info("policies reloaded", extra={"action": "policies_reload"})

    async def _keep(self, good: Mapping[str, KeptPack]) -> None:
        """Keep packs that were found good, once; while the database is away, later."""
        if good is self._kept:
            return
        try:
            for pack in (pack for name, pack in good.items() if name not in self._policies.stale):
                contents = list(pack.files.values())
                await self._database.execute(_KEEP, pack.folder, pack.version, list(pack.files), contents)
        except Exception as error:
            log.warning("policies are not kept yet", extra={"action": "policies_keep", "error": safe_text(error)})
            return
        self._kept = good

    @property
    def told(self) -> str | None:
        """What readiness says of packs whose files on disk are refused; nothing when all are sound."""
        if self._policies.error is None:
            return None
        since = self._policies.last_good
        return f"last good of {since.isoformat(timespec='seconds')}" if since else "last good in force"


class Remembered(NamedTuple):
    """What a service's database remembers of policies.

    Attributes:
        packs: the last good ones by sub-folder.
        owning: department → how many open cases it has.
    """

    packs: Mapping[str, KeptPack]
    owning: Mapping[str, int]


async def fetch(dsn: str, service: str) -> Remembered:
    """The last good packs, and who owns cases; nothing before the first migration.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: the database is away.
    """
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        rows = await connection.fetch(_ALL)
        owners = await connection.fetch(_OWNING[service])
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError):
        return Remembered({}, {})
    finally:
        await connection.close(timeout=2)
    packs = {
        row["folder"]: KeptPack(
            row["folder"], row["version"], dict(zip(row["names"], row["contents"], strict=True)), row["since"]
        )
        for row in rows
    }
    return Remembered(packs, {row["department"]: row["n"] for row in owners})
