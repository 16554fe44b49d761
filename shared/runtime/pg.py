"""Postgres: a pool that heals, SQL kept as SQL, numbered migrations."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import asyncpg
from asyncpg.protocol import protocol as _protocol

# asyncpg asks two abstract classes about every element of an array, whether it is an array itself. Ours are lists and
# tuples, and asking that costs a third (0.5 → 0.2 µs an element, hundreds a batch). A test guards the names.
vars(_protocol).update(IterableABC=(list, tuple), SizedABC=(list, tuple))

_BLOCK = re.compile(r"^--\s*name:\s*(\w+)\s*$", re.MULTILINE)


async def _reset(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nothing of ours leaves session state behind, so a released connection needs no round trip to forget it."""
    if connection.is_in_transaction():
        await connection.reset()


@dataclass(frozen=True, slots=True)
class Queries:
    """The named blocks of a `queries.sql`: `queries.fetch_case` is the text below `-- name: fetch_case`."""

    package: str
    blocks: Mapping[str, str] = field(repr=False)

    def __getattr__(self, name: str) -> str:
        try:
            return self.blocks[name]
        except KeyError:
            raise AttributeError(f"{self.package}/queries.sql has no block named {name!r}") from None


def load_queries(package: str, file: str = "queries.sql") -> Queries:
    """Read the named SQL blocks of a package.

    Raises:
        ValueError: when a name stands twice.
    """
    parts = _BLOCK.split(resources.files(package).joinpath(file).read_text(encoding="utf-8"))[1:]
    names = parts[0::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file} names a block twice")
    return Queries(package, dict(zip(names, (text.strip() for text in parts[1::2]), strict=True)))


_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
"""Seconds, seconds, probes, milliseconds: each side notices within 20 s that the other's host is gone, not after hours."""


def _keep_alive(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    sock = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    _keep_alive(connection)
    for name in ("jsonb", "json"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


class Database:
    """A pool of connections that opens lazily, so that a service starts while its database is still away.

    `jsonb` columns go in and out as Python objects.
    """

    def __init__(self, dsn: str, *, name: str, size: int = 6, statement_timeout_ms: int = 8_000) -> None:
        self._dsn = dsn
        self._size = size
        self._settings = {
            "application_name": name,
            "statement_timeout": str(statement_timeout_ms),
            "idle_in_transaction_session_timeout": "30000",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "3",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "20000",
            "timezone": "UTC",
            "jit": "off",
            "random_page_cost": "1.1",  # hot tables are in memory; the default prefers sequential scans of young ones
        }
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Make the pool. Connects on first use, not here."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=0,
                max_size=self._size,
                max_inactive_connection_lifetime=300,
                timeout=5,
                command_timeout=30,
                server_settings=self._settings,
                init=_prepare,
                reset=_reset,
            )

    async def close(self) -> None:
        """Close the pool; connections still busy are cut."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(5):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        """A connection of the pool. Waits at most 2 s for one.

        Raises:
            TimeoutError: when none comes free in time.
        """
        if self._pool is None:
            await self.open()
        assert self._pool is not None
        connection = await self._pool.acquire(timeout=2 if self._pool.get_idle_size() or self._pool.get_size() else 6)
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection outside the pool, for a task that keeps one (relay, group commit)."""
        connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=60, server_settings=self._settings)
        await _prepare(connection)
        return connection

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Run one query outside a transaction of ours."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row of one query."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row of one query."""
        async with self.connection() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run one statement; answers its command tag."""
        async with self.connection() as connection:
            return await connection.execute(sql, *args)
