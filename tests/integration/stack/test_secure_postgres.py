"""Postgres by TLS: what is in the DSN or in PG* reaches pool, commands and migrations, and a wrong authority is refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.database import operator_connection
from deploy.stack.errors import StackError
from deploy.stack.services import as_role
from deploy.stack.setup import as_schema, prepare_database
from shared.runtime.pg import Database
from tests.support.secure_broker import make_certificates
from tests.support.stack import DatabaseFactory, Servers
from tests.support.tls_postgres import TlsDoor


@pytest.fixture
def door(servers: Servers, tmp_path: Path) -> Iterator[TlsDoor]:
    made = TlsDoor(servers.postgres(), make_certificates(tmp_path / "certificates"))
    made.start()
    yield made
    made.stop()


async def test_everything_that_connects_speaks_tls(fresh_database: DatabaseFactory, door: TlsDoor) -> None:
    made = fresh_database()
    dsn = door.url(made.url)
    await prepare_database(dsn, made.passwords, "all")
    async with operator_connection(dsn) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    service = Database(as_role(dsn, "redress_sla", made.passwords["sla"]), name="test", size=2)
    assert await service.fetchval("SELECT count(*) FROM journey") == 0
    connection = await service.connect()
    await connection.close()
    await service.close()
    schema = await asyncpg.connect(as_schema(dsn, "router"))
    await schema.close()
    assert door.taken >= 6 and door.refused == 0


async def test_the_variables_of_libpq_do_as_well(
    fresh_database: DatabaseFactory, door: TlsDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fresh_database()
    plain = door.url(made.url).partition("?")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", plain[2].partition("sslrootcert=")[2])
    connection = await asyncpg.connect(plain[0])
    await connection.close()
    assert (door.taken, door.refused) == (1, 0)


async def test_a_server_whose_certificate_nobody_vouches_for_is_refused(
    fresh_database: DatabaseFactory, door: TlsDoor, tmp_path: Path
) -> None:
    made = fresh_database()
    other = make_certificates(tmp_path / "other").authority
    with pytest.raises((ssl.SSLError, OSError)):
        await asyncpg.connect(door.url(made.url, other))
    with pytest.raises(StackError, match="does not let us in"):
        await prepare_database(door.url(made.url, other), {}, "all")
