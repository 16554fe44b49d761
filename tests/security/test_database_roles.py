"""A service that is taken over reaches its own schema only (T20): for every table of every other schema."""

import asyncpg
import pytest

from shared.runtime.bootstrap import SERVICES


@pytest.fixture(scope="module")
def database(servers):
    made = servers.create_database(*SERVICES)
    yield made
    servers.drop_database(made)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_reads_no_table_of_another_schema(database, service):
    tables = database.fetch(
        "SELECT schemaname || '.' || tablename AS name, schemaname FROM pg_tables"
        " WHERE schemaname IN ('intake', 'router', 'sla', 'notifier', 'vault')"
    )
    assert {t["schemaname"] for t in tables} == {*SERVICES, "vault"}
    connection = await asyncpg.connect(database.url_of(service))
    try:
        for table in tables:
            ours = table["schemaname"] == service
            if ours:
                await connection.fetch(f"SELECT 1 FROM {table['name']} LIMIT 1")
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f"SELECT 1 FROM {table['name']} LIMIT 1")
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_changes_no_table_definition(database, service):
    connection = await asyncpg.connect(database.url_of(service))
    try:
        for statement in ("CREATE TABLE mine (id int)", f"CREATE TABLE {service}.mine (id int)", "DROP TABLE inbox"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "intake"])
async def test_only_intake_makes_keys_and_shreds_them(database, service):
    connection = await asyncpg.connect(database.url_of(service))
    try:
        await connection.fetch("SELECT * FROM vault.keys_of(ARRAY[]::uuid[])")
        for call in (
            "vault.keys_for(ARRAY[]::bytea[], ARRAY[]::uuid[], ARRAY[]::bytea[])",
            "vault.keys_for(ARRAY[]::bytea[], ARRAY[]::uuid[], ARRAY[]::bytea[], 'k')",
            "vault.shred(ARRAY[]::uuid[])",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {call}")
    finally:
        await connection.close()


async def test_the_auditor_reads_and_writes_nothing(database):
    connection = await asyncpg.connect(database.url_of("auditor"))
    try:
        await connection.fetch("SELECT 1 FROM router.outbox LIMIT 1")
        assert await connection.fetch("SELECT * FROM vault.known(ARRAY[gen_random_uuid()])") == []
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("DELETE FROM router.outbox")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT 1 FROM vault.person LIMIT 1")
    finally:
        await connection.close()
