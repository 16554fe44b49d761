"""The last good policy packs, in the service's own schema: a copy on a new host finds them there too."""

import asyncio
import logging
from collections.abc import Mapping

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


class PolicyKeeper:
    """Looks whether policy files have changed, says what is refused, and keeps the packs in force for the next start."""

    def __init__(self, database: Database, service: str, policies: PolicySource) -> None:
        self._database = database
        self._service = service
        self._policies = policies
        self._told: PolicyError | None = None
        self._kept: Mapping[str, KeptPack] | None = None

    async def refresh(self) -> None:
        """One look."""
        policies = self._policies
        if await asyncio.to_thread(policies.refresh):
            log.info("policies reloaded", extra={"action": "policies_reload"})
        if policies.error is not None and policies.error is not self._told:
            extra = {"action": "policies_refused", "problems": str(policies.error), "packs": sorted(policies.stale)}
            log.error("policies refused, the last good ones stay", extra=extra)
        self._told = policies.error
        metrics.POLICY_OK.labels(self._service).set(0 if policies.error else 1)
        await self._keep(policies.good)

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


async def fetch(dsn: str) -> Mapping[str, KeptPack]:
    """The last good packs by sub-folder; none before the first migration.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: the database is away.
    """
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        rows = await connection.fetch(_ALL)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return {}
    finally:
        await connection.close(timeout=2)
    return {
        row["folder"]: KeptPack(
            row["folder"], row["version"], dict(zip(row["names"], row["contents"], strict=True)), row["since"]
        )
        for row in rows
    }
