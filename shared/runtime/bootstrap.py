"""Prepares a database: schemas `clock`, `vault`, `directory` and `security`, and one role per service that reaches its own schema only."""

from collections.abc import Mapping
from importlib import resources

import asyncpg

SERVICES = ("intake", "router", "sla", "notifier")
MAY_CREATE_KEYS = ("intake",)
MAY_CHANGE_STAFF = ("router",)
_OF_ALL = (
    "vault.keys_of(uuid[])",
    "vault.keys_with_ids(uuid[])",
    "vault.masters()",
    "vault.oldest_keys()",
    "vault.introduce(text, bytea, bytea, bytea, text[])",
    "vault.contact_secret()",
    "directory.members()",
    "directory.ended()",
    "security.write(jsonb)",
)
_OF_CREATORS = (
    "vault.keys_for(bytea[], uuid[], bytea[])",
    "vault.keys_for(bytea[], uuid[], bytea[], text)",
    "vault.shred(uuid[])",
)
_OF_DIRECTORS = (
    "directory.credentials(text)",
    "directory.save(text[], text[], text[], text[], text[], text[])",
    "directory.disable(text)",
    "directory.set_password(text, text)",
    "directory.end_session(uuid, text)",
    "directory.end_sessions(text)",
    "security.read(text, text, text, timestamptz, bigint, integer)",
)
_GRANTED: Mapping[str, tuple[str, ...]] = {
    name: (
        *_OF_ALL,
        *(_OF_CREATORS if name in MAY_CREATE_KEYS else ()),
        *(_OF_DIRECTORS if name in MAY_CHANGE_STAFF else ()),
    )
    for name in SERVICES
}
_SCRIPTS = ("bootstrap.sql", "directory.sql", "security_log.sql")


async def bootstrap(dsn: str, passwords: Mapping[str, str]) -> None:
    """Create what stands beside the services' schemas. Running it again only renews the passwords.

    Args:
        dsn: an owner of the database who may create roles.
        passwords: role name without the prefix `redress_` (intake, router, sla, notifier, auditor) → password.
    """
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(7463000)")
            for script in _SCRIPTS:
                await connection.execute(resources.files("shared.runtime").joinpath(script).read_text("utf-8"))
            for name, password in passwords.items():
                await _role(connection, name, password)
    finally:
        await connection.close()


async def _role(connection: "asyncpg.Connection[asyncpg.Record]", name: str, password: str) -> None:
    role = f"redress_{name}"
    exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
    verb = "ALTER" if exists else "CREATE"
    await connection.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD {quoted}')
    await connection.execute(f'ALTER ROLE "{role}" SET search_path = "{name}"')
    for function in _GRANTED.get(name, ()):
        await connection.execute(f'GRANT EXECUTE ON FUNCTION {function} TO "{role}"')
    if name == "auditor":
        await connection.execute(f'ALTER ROLE "{role}" SET default_transaction_read_only = on')
        await connection.execute(f'GRANT SELECT ON security.entry, security.head TO "{role}"')
        await connection.execute(f'GRANT EXECUTE ON FUNCTION security.broken() TO "{role}"')
        await connection.execute(f'GRANT EXECUTE ON FUNCTION vault.known(uuid[]) TO "{role}"')
