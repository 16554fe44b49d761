"""The operator's way into the database: one connection, plain errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from deploy.stack.errors import StackError

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def operator_connection(dsn: str) -> AsyncIterator[Connection]:
    """A connection that sees every schema; `jsonb` comes as Python objects, times as UTC.

    Raises:
        StackError: Postgres does not let us in, or answers with an error.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10, server_settings={"timezone": "UTC"})
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StackError(f"Postgres does not answer ({type(error).__name__})", "Look at `make status`") from error
    try:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        yield connection
    except asyncpg.UndefinedTableError as error:
        raise StackError("The database lacks tables of ours", "Run the migrations with `make up`") from error
    except (OSError, asyncpg.PostgresError) as error:
        raise StackError(f"Postgres refused a query ({type(error).__name__})", "Look at its log") from error
    finally:
        await connection.close(timeout=5)
