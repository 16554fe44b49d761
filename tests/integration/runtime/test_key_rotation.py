"""Persons' keys move to a new master key while services run, in steps that may be stopped; nobody is lost (H3)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from deploy.keys import rotation
from deploy.keys.rotation import Q, rotate
from deploy.stack.errors import StackError
from shared.events.ids import new_id
from shared.runtime.master_keys import MasterKey, MasterKeys, WrongMasterKey
from shared.runtime.pg import Database
from shared.runtime.vault import Vault
from tests.support.stack import Database as OneDatabase
from tests.support.stack import DatabaseFactory

FIRST, SECOND, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
COMPLAINT = new_id()


@pytest.fixture
def where(fresh_database: DatabaseFactory) -> OneDatabase:
    return fresh_database("intake")


@pytest.fixture
async def database(where: OneDatabase) -> AsyncIterator[Database]:
    made = Database(where.url_of("intake"), name="test", size=8)
    yield made
    await made.close()


@pytest.fixture
async def operator(where: OneDatabase) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(where.url)
    yield made
    await made.close()


async def sealed_by(vault: Vault, count: int) -> dict[UUID, str]:
    """Persons and a text of each."""
    await vault.open()
    keys = await vault.keys_for([vault.contact_hash("email", f"{n}@example.com") for n in range(count)])
    return {key.person_id: key.seal(COMPLAINT, "text", f"text of {key.person_id}") for key in keys}


async def all_open(vault: Vault, told: dict[UUID, str]) -> bool:
    keys = await vault.keys_of(told)
    return all(keys[who].open(COMPLAINT, "text", sealed) == f"text of {who}" for who, sealed in told.items())


async def test_a_rotation_may_be_stopped_goes_on_and_loses_nobody(
    database: Database, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 10)
    told = await sealed_by(Vault(database, MasterKeys(FIRST)), 95)
    await operator.execute("UPDATE vault.person SET key_id = NULL WHERE get_byte(wrapped_key, 0) < 128")
    both = MasterKeys(SECOND, [FIRST])
    await Vault(database, both).open()

    class Stopped(Exception):
        pass

    def stop(count: int) -> None:
        if count >= 40:
            raise Stopped

    with pytest.raises(Stopped):
        await rotate(operator, both, stop)
    assert await operator.fetchval(Q.left, both.current.key_id) == 55
    assert await all_open(Vault(database, both), told)
    seen: list[int] = []
    done = await rotate(operator, both, seen.append)
    assert (done.wrapped, done.left, done.closed, len(seen)) == (55, 0, [], 6)
    assert done.forgotten == [MasterKey.of(FIRST).key_id]
    assert (await rotate(operator, both)).wrapped == 0
    alone = Vault(database, MasterKeys(SECOND))
    assert await all_open(alone, told)
    assert set(await sealed_by(alone, 95)) == set(told)
    with pytest.raises(WrongMasterKey):
        await Vault(database, MasterKeys(FIRST)).open()


async def test_people_who_file_meanwhile_are_wrapped_by_the_new_key_and_lose_nothing(
    database: Database, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 5)
    both = MasterKeys(SECOND, [FIRST])
    told = await sealed_by(Vault(database, MasterKeys(FIRST)), 60)
    new = Vault(database, both)
    await new.open()
    _, *filed = await asyncio.gather(rotate(operator, both), *(sealed_by(new, 70) for _ in range(4)))
    assert all(set(told) <= set(one) for one in filed)
    assert all([await all_open(Vault(database, MasterKeys(SECOND)), one) for one in (told, *filed)])


async def test_what_does_not_open_is_named_and_left_as_it_is(database: Database, operator: asyncpg.Connection) -> None:
    told = await sealed_by(Vault(database, MasterKeys(FIRST)), 5)
    bad = next(iter(told))
    await operator.execute("UPDATE vault.person SET wrapped_key = '\\x00' WHERE person_id = $1", bad)
    both = MasterKeys(SECOND, [FIRST])
    await Vault(database, both).open()
    done = await rotate(operator, both)
    assert (done.wrapped, done.closed, done.left, done.forgotten) == (4, [bad], 1, [])


async def test_a_key_no_service_has_started_with_rotates_nothing(
    database: Database, operator: asyncpg.Connection
) -> None:
    await sealed_by(Vault(database, MasterKeys(FIRST)), 1)
    with pytest.raises(StackError, match="No service knows"):
        await rotate(operator, MasterKeys(OTHER, [FIRST]))


async def test_after_a_key_is_given_up_services_start_and_people_can_file(
    database: Database, operator: asyncpg.Connection
) -> None:
    told = await sealed_by(Vault(database, MasterKeys(FIRST)), 3)
    with pytest.raises(WrongMasterKey):
        await Vault(database, MasterKeys(OTHER)).open()
    assert await operator.fetchval(Q.give_up, MasterKey.of(FIRST).key_id)
    vault = Vault(database, MasterKeys(OTHER))
    again = await sealed_by(vault, 3)
    assert not set(again) & set(told) and await all_open(vault, again)
    assert all(key.is_damaged for key in (await vault.keys_of(told)).values())


@pytest.mark.parametrize("service", ["intake", "router", "sla", "notifier"])
async def test_a_service_that_starts_with_a_wrong_key_ends_with_the_remedy(
    fresh_database: DatabaseFactory, tmp_path: Path, service: str
) -> None:
    made = fresh_database(service)
    admin = Database(made.url, name="test", size=1)
    await sealed_by(Vault(admin, MasterKeys(FIRST)), 1)
    await admin.close()
    (tmp_path / "key").write_bytes(OTHER)
    root = Path(__file__).parents[3]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", f"services.{service}"],
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": made.url_of(service),
            "MASTER_KEY_FILE": str(tmp_path / "key"),
            "SESSION_KEY_FILE": str(tmp_path / "key"),
            "EVENT_KEYS_FILE": os.environ["EVENT_KEYS_FILE"],
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "POLICIES_DIR": str(root / "deploy" / "policies"),
            "HTTP_PORT": "0",
        },
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"{service}: MASTER_KEY_FILE holds master key {MasterKey.of(OTHER).key_id}")
    assert MasterKey.of(FIRST).key_id in line and "MASTER_KEYS_OLD" in line and len(line) < 300
