"""Fills the servers: database, roles, schemas, topics, channel keys and demo staff. Every step may run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.stack.errors import StackError
from deploy.stack.people import Person
from deploy.stack.services import NAMES
from deploy.stack.stack import database_host
from deploy.stack.state import StateFolder
from shared.events.envelope import Channel
from shared.runtime.bootstrap import bootstrap
from shared.runtime.migrate import MigrationChanged, migrate

CHANNELS: tuple[Channel, ...] = ("web", "phone", "store")
_OLDEST_POSTGRES = 15
Phase = Literal["pre", "post", "all"]


async def prepare_database(dsn: str, passwords: Mapping[str, str], phase: Phase = "all") -> list[str]:
    """Create the database where it is missing, then roles, schemas and tables; returns the migrations applied.

    Args:
        dsn: An owner of the database who may create roles.
        passwords: Role without `redress_` → password.
        phase: `pre` while services of an older version run: they go on working with what it changes.

    Raises:
        StackError: The server is too old, refuses, or a migration does not fit what is there.
    """
    await _create_database(dsn)
    try:
        await bootstrap(dsn, passwords)
        return await migrate_all(dsn, phase)
    except MigrationChanged as error:
        raise StackError(
            f"The tables come from another version of Redress: {error}", "Start empty with `make reset`"
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise StackError(
            f"Postgres at {database_host(dsn)} refuses: {error}", "DATABASE_URL must be an owner who may create roles"
        ) from error


async def prepare_vault(dsn: str, beside: str, passwords: Mapping[str, str]) -> None:
    """Prepare another database for the keys of persons.

    Args:
        dsn: The administrator's DSN of that database.
        beside: The administrator's DSN of the services' database, which may hold keys from before.
        passwords: Role without `redress_` → password.

    Raises:
        StackError: The server refuses, or the keys of persons are still in the services' database.
    """
    await _create_database(dsn, "VAULT_DATABASE_URL")
    try:
        await bootstrap(dsn, passwords)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StackError(
            f"Postgres at {database_host(dsn)} refuses: {error}",
            "VAULT_DATABASE_URL must be an owner who may create roles",
        ) from error
    if await _has_persons(beside) and not await _has_persons(dsn):
        raise StackError(
            f"The keys of persons are in {database_host(beside)}, and {database_host(dsn)} has none of them",
            "Move them first: see `Keys of persons apart` in docs/runbook.md; or unset VAULT_DATABASE_URL",
        )


async def _has_persons(dsn: str) -> bool:
    connection = await _connect(dsn)
    try:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM vault.person)"))
    finally:
        await connection.close()


async def migrate_all(dsn: str, phase: Phase) -> list[str]:
    """Apply the missing migrations of all services; returns their names."""
    applied: list[str] = []
    for name in NAMES:
        applied += await migrate(dsn, name, ("shared.runtime", f"services.{name}"), phase)
    return applied


async def prepare_clients(dsn: str, state: StateFolder, pack: str) -> dict[str, str]:
    """Give each channel a client `local-<channel>` and return its key; the keys stay the same from run to run."""
    from services.intake import keys

    known = state.passwords("channels", CHANNELS, length=43)
    connection = await asyncpg.connect(as_schema(dsn, "intake"), timeout=10)
    try:
        return {
            channel: await keys.add_key(
                connection, name=f"local-{channel}", channel=channel, pack=pack, key=f"rk_{known[channel]}"
            )
            for channel in CHANNELS
        }
    finally:
        await connection.close()


async def prepare_staff(dsn: str, state: StateFolder, people: Sequence[Person]) -> list[dict[str, str]]:
    """Let the demo staff sign in and return their sign-ins; hashing is slow, so those already there are left alone."""
    from services.router.store.staff import Staff
    from shared.runtime.directory import Member
    from shared.runtime.pg import Database

    passwords = state.passwords("sign-ins", [person.user for person in people], length=10)
    database = Database(as_schema(dsn, "router"), name="redress-setup", size=2)
    try:
        directory = Staff(database)
        there = {(m.user, m.role, m.department) for m in await directory.everybody() if m.active}
        wanted = [p for p in people if (p.user, p.role, p.department) not in there]
        members = [
            (Member(user=p.user, name=p.name, role=p.role, department=p.department, pack=p.pack), passwords[p.user])
            for p in wanted
        ]
        if members:
            await directory.save(members)
    finally:
        await database.close()
    return [{"role": p.role, "department": p.department, "user": p.user, "password": passwords[p.user]} for p in people]


def as_schema(dsn: str, schema: str) -> str:
    """Return the administrator's DSN with `schema` as the search path."""
    return f"{dsn}{'&' if urlsplit(dsn).query else '?'}search_path={schema}"


async def _create_database(dsn: str, setting: str = "DATABASE_URL") -> None:
    """Connect, or create the database over the server's own one when only the database is missing."""
    try:
        connection = await _connect(dsn)
    except asyncpg.InvalidCatalogNameError:
        parts = urlsplit(dsn)
        name = parts.path.removeprefix("/")
        server = await _connect(urlunsplit(parts._replace(path="/postgres")))
        try:
            quoted = await server.fetchval("SELECT quote_ident($1)", name)
            await server.execute(f"CREATE DATABASE {quoted} ENCODING 'UTF8' TEMPLATE template0")
        finally:
            await server.close()
        connection = await _connect(dsn)
    try:
        if connection.get_server_version().major < _OLDEST_POSTGRES:
            raise StackError(
                f"Postgres at {database_host(dsn)} is version {connection.get_server_version().major}",
                f"Use {_OLDEST_POSTGRES} or newer in {setting}, or unset it to use the built-in one",
            )
    finally:
        await connection.close()


async def _connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    try:
        return await asyncpg.connect(dsn, timeout=10)
    except asyncpg.InvalidCatalogNameError:
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError) as error:
        reason = type(error).__name__ if isinstance(error, TimeoutError | ValueError) else error
        raise StackError(
            f"Postgres at {database_host(dsn)} does not let us in: {reason}",
            "Start it, or correct DATABASE_URL, or unset it to use the built-in one",
        ) from error
