"""Numbered SQL migrations, forward only: first the runtime's tables, then the service's own.

Files are `NNNN_pre_what.sql` (before new code runs) and `NNNN_post_what.sql` (after the old code is gone).
Each runs once, in its own transaction, under an advisory lock, in the service's schema.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from importlib import resources
from typing import Literal

import asyncpg

log = logging.getLogger(__name__)
_NAME = re.compile(r"^(\d{4})_(pre|post)_\w+\.sql$")
_LOCK = 7_463_001


class MigrationChanged(RuntimeError):
    """A migration that already ran has other content now; write a new one instead."""


def migrations_of(package: str) -> Iterator[tuple[str, str]]:
    """File name and SQL of a package's migrations, in order."""
    folder = resources.files(package).joinpath("migrations")
    for name in sorted(entry.name for entry in folder.iterdir() if _NAME.match(entry.name)):
        yield name, folder.joinpath(name).read_text(encoding="utf-8")


async def migrate(
    dsn: str, service: str, packages: tuple[str, ...], phase: Literal["pre", "post", "all"] = "all"
) -> list[str]:
    """Apply what is missing to the schema named like the service; answers the names of what was applied.

    Raises:
        MigrationChanged: when the content of an applied migration differs.
    """
    applied: list[str] = []
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{service}"')
        await connection.execute(f'SET search_path TO "{service}"')
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {r["name"]: r["sha256"] for r in await connection.fetch("SELECT name, sha256 FROM migration")}
        for package in packages:
            for file, sql in migrations_of(package):
                name = f"{package}/{file}"
                digest = hashlib.sha256(sql.encode()).hexdigest()
                if name in done:
                    if done[name] != digest:
                        raise MigrationChanged(f"{name} was applied with other content: add a new migration instead")
                    continue
                if phase != "all" and f"_{phase}_" not in file:
                    continue
                async with connection.transaction():
                    await connection.execute(sql)
                    await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
                applied.append(name)
                log.info("migration applied", extra={"action": "migrate", "migration": name})
        await _grant(connection, service)
    finally:
        await connection.close()
    return applied


async def _grant(connection: "asyncpg.Connection[asyncpg.Record]", service: str) -> None:
    """The service's role may read and write its own tables and nothing else; the auditor may read them."""
    roles = {
        r["rolname"] for r in await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'redress_%'")
    }
    if f"redress_{service}" in roles:
        await connection.execute(
            f'''
            GRANT USAGE ON SCHEMA "{service}" TO "redress_{service}";
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{service}" TO "redress_{service}";
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{service}" TO "redress_{service}";
            GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "{service}" TO "redress_{service}";
            '''
        )
    if "redress_auditor" in roles:
        await connection.execute(
            f'''
            GRANT USAGE ON SCHEMA "{service}" TO redress_auditor;
            GRANT SELECT ON ALL TABLES IN SCHEMA "{service}" TO redress_auditor;
            '''
        )
