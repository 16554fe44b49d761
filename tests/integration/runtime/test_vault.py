"""A wrong master key is told at once, keys say what wraps them, and one damaged key is no matter of the others (D6, H3)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from shared.events.ids import new_id
from shared.runtime.errors import is_transient
from shared.runtime.master_keys import KeyDamaged, KeyNotLoaded, MasterKey, MasterKeys, WrongMasterKey
from shared.runtime.pg import Database
from shared.runtime.vault import UNREADABLE, ClosedKey, Vault
from tests.support.stack import Database as OneDatabase
from tests.support.stack import DatabaseFactory

FIRST, SECOND, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))


@pytest.fixture
def where(fresh_database: DatabaseFactory) -> OneDatabase:
    return fresh_database("intake")


@pytest.fixture
async def database(where: OneDatabase) -> AsyncIterator[Database]:
    made = Database(where.url_of("intake"), name="test", size=8)
    yield made
    await made.close()


def vault(database: Database, current: bytes = FIRST, *others: bytes) -> Vault:
    return Vault(database, MasterKeys(current, others))


async def person(made: Vault, email: str = "a@example.com") -> UUID:
    await made.open()
    [key] = await made.keys_for([made.contact_hash("email", email)])
    return key.person_id


async def test_a_wrong_master_key_is_refused_before_anything_is_read_or_written(
    database: Database, where: OneDatabase
) -> None:
    who = await person(vault(database))
    wrong = vault(database, OTHER)
    for use in (wrong.open(), wrong.keys_of([who]), wrong.keys_for([None])):
        with pytest.raises(WrongMasterKey, match=f"holds master key {MasterKey.of(OTHER).key_id}, .*MASTER_KEYS_OLD"):
            await use
    assert [row["n"] for row in where.fetch("SELECT count(*) AS n FROM vault.person")] == [1]
    assert [row["key_id"] for row in where.fetch("SELECT key_id FROM vault.master_key")] == [MasterKey.of(FIRST).key_id]


async def test_of_two_that_race_on_an_empty_vault_with_different_keys_one_loses(database: Database) -> None:
    for _ in range(5):
        await database.execute("SELECT 1")
        found = await asyncio.gather(
            *(vault(database, key).open() for key in (FIRST, OTHER) * 4), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in found) == ["NoneType"] * 4 + ["WrongMasterKey"] * 4


async def test_a_vault_from_before_there_were_canaries_is_judged_by_its_keys(
    database: Database, where: OneDatabase
) -> None:
    """An upgrade with a wrong key must not make that key the right one; contacts are found as before."""
    old = MasterKey.of(FIRST)
    who, wrapped = new_id(), old.wrap(os.urandom(32))
    before = vault(database)
    before._hashing = old.contacts
    await database.fetch(
        "SELECT * FROM vault.keys_for($1::bytea[], $2::uuid[], $3::bytea[])",
        [before.contact_hash("email", "a@example.com")],
        [who],
        [wrapped],
    )
    with pytest.raises(WrongMasterKey):
        await vault(database, OTHER).open()
    assert where.fetch("SELECT 1 FROM vault.master_key") == []
    assert await person(vault(database, SECOND, FIRST)) == who  # upgraded and rotated in one step


async def test_old_services_and_new_ones_share_a_vault(database: Database) -> None:
    """What an old copy wrapped opens here, what this one wraps opens there: the bytes are the same."""
    made = vault(database)
    who = await person(made)
    [row] = await database.fetch("SELECT wrapped_key FROM vault.keys_of($1::uuid[])", [who])
    assert len(MasterKey.of(FIRST).unwrap(row["wrapped_key"])) == 32
    there = new_id()
    await database.fetch(
        "SELECT * FROM vault.keys_for($1::bytea[], $2::uuid[], $3::bytea[])",
        [None], [there], [MasterKey.of(FIRST).wrap(os.urandom(32))],
    )  # fmt: skip
    assert not isinstance((await made.keys_of([there]))[there], ClosedKey)


async def test_one_damaged_key_fails_nobody_else_and_says_what_it_is(database: Database, where: OneDatabase) -> None:
    made = vault(database)
    good, bad = await person(made), await person(made, "b@example.com")
    complaint = new_id()
    sealed = (await made.keys_of([bad]))[bad].seal(complaint, "text", "退款")
    where.execute("UPDATE vault.person SET wrapped_key = set_byte(wrapped_key, 3, 7) WHERE person_id = $1", bad)
    keys = await made.keys_of([good, bad])
    assert keys[good].seal(complaint, "text", "x") and not keys[good].is_damaged
    assert keys[bad].is_damaged and keys[bad].open(complaint, "text", sealed) is UNREADABLE
    with pytest.raises(KeyDamaged):
        keys[bad].seal(complaint, "text", "x")


async def test_whoever_has_a_damaged_key_can_still_file(database: Database, where: OneDatabase) -> None:
    made = vault(database)
    bad = await person(made)
    where.execute("UPDATE vault.person SET wrapped_key = set_byte(wrapped_key, 3, 7)")
    stranger = await person(made)
    assert stranger != bad and (await made.keys_of([stranger]))[stranger].seal(new_id(), "text", "x")


async def test_a_key_of_a_master_key_that_is_not_loaded_makes_everybody_wait_and_names_it(
    database: Database,
) -> None:
    running = vault(database, FIRST)
    await running.open()
    rotated = vault(database, SECOND, FIRST)
    who = await person(rotated)
    sealed = (await rotated.keys_of([who]))[who].seal(new_id(), "text", "x")
    closed = (await running.keys_of([who]))[who]
    with pytest.raises(KeyNotLoaded, match=f"{MasterKey.of(SECOND).key_id}.*MASTER_KEYS_OLD") as told:
        closed.open(new_id(), "text", sealed)
    assert is_transient(told.value) and not closed.is_damaged


async def test_contacts_are_found_again_under_a_new_master_key(database: Database) -> None:
    who = await person(vault(database, FIRST))
    assert await person(vault(database, SECOND, FIRST)) == who


async def test_an_old_key_that_is_still_needed_must_be_loaded(database: Database) -> None:
    await person(vault(database, FIRST))
    await person(vault(database, SECOND, FIRST), "b@example.com")
    with pytest.raises(WrongMasterKey, match=f"{MasterKey.of(FIRST).key_id}, which is not loaded"):
        await vault(database, SECOND).open()


async def test_before_it_is_open_nothing_is_hashed_or_wrapped(database: Database) -> None:
    with pytest.raises(Exception, match="not open yet"):
        vault(database).contact_hash("email", "a@example.com")


def test_no_key_shows_in_a_representation() -> None:
    shown = repr(MasterKeys(FIRST, [SECOND])) + repr(MasterKey.of(FIRST))
    assert "wrapping" not in shown and "01010101" not in shown and FIRST.hex() not in shown
