"""`redress keys list`, `rotate` and `give-up`, as an operator types them (H3)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.runtime.master_keys import MasterKey, MasterKeys
from shared.runtime.pg import Database
from shared.runtime.vault import Vault
from tests.support.commands import redress, settle_in
from tests.support.stack import DatabaseFactory

FIRST, SECOND = (bytes([n]) * 32 for n in (1, 2))
ID = {key: MasterKey.of(key).key_id for key in (FIRST, SECOND)}
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
async def database(fresh_database: DatabaseFactory, tmp_path: Path) -> AsyncIterator[Database]:
    where = fresh_database("intake")
    settle_in(tmp_path, where.url)
    (tmp_path / "first.key").write_bytes(FIRST)
    (tmp_path / "second.key").write_bytes(SECOND)
    made = Database(where.url_of("intake"), name="test", size=2)
    yield made
    await made.close()


@pytest.fixture
def keys(tmp_path: Path) -> Command:
    def command(*arguments: str, current: str, old: str = "") -> subprocess.CompletedProcess[str]:
        files = {"MASTER_KEY_FILE": str(tmp_path / current), "MASTER_KEYS_OLD": str(tmp_path / old) if old else ""}
        return redress(tmp_path, "keys", *arguments, **files)

    return command


def _states(keys: Command, current: str, old: str = "") -> dict[str, tuple[str, int]]:
    listed = json.loads(keys("list", "--json", current=current, old=old).stdout)["keys"]
    return {one["key_id"]: (one["state"], one["persons"]) for one in listed}


async def _persons(database: Database, masters: MasterKeys, count: int) -> None:
    vault = Vault(database, masters)
    await vault.open()
    await vault.keys_for([vault.contact_hash("email", f"{n}@example.com") for n in range(count)])


async def test_keys_are_rotated_by_command_and_the_old_file_can_go(database: Database, keys: Command) -> None:
    await _persons(database, MasterKeys(FIRST), 3)
    early = keys("rotate", current="second.key", old="first.key")
    assert early.returncode == 1 and "No service knows" in early.stderr
    await _persons(database, MasterKeys(SECOND, [FIRST]), 3)
    assert _states(keys, "second.key", "first.key") == {ID[FIRST]: ("at hand", 3), ID[SECOND]: ("current", 0)}
    without = keys("rotate", current="second.key")
    assert without.returncode == 1
    assert f"master key {ID[FIRST]} is not loaded: name its file in MASTER_KEYS_OLD" in without.stderr
    done = keys("rotate", current="second.key", old="first.key")
    assert done.returncode == 0, done.stderr
    assert f"3 keys of persons are now wrapped by master key {ID[SECOND]}" in done.stdout
    assert f"master key {ID[FIRST]} wraps nothing any more: take its file out of MASTER_KEYS_OLD" in done.stdout
    assert _states(keys, "second.key") == {ID[SECOND]: ("current", 3)}
    await _persons(database, MasterKeys(SECOND), 3)


async def test_a_key_is_given_up_only_when_it_is_gone_and_somebody_says_yes(database: Database, keys: Command) -> None:
    await _persons(database, MasterKeys(FIRST), 2)
    at_hand = keys("give-up", ID[FIRST], "--yes", current="second.key", old="first.key")
    assert at_hand.returncode == 1 and "is not lost: its file is at hand" in at_hand.stderr
    asked = keys("give-up", ID[FIRST], current="second.key")
    assert asked.returncode != 0 and _states(keys, "second.key") == {ID[FIRST]: ("missing", 2)}
    unknown = keys("give-up", "0" * 8, "--yes", current="second.key")
    assert unknown.returncode == 1 and "There is no master key" in unknown.stderr
    done = keys("give-up", ID[FIRST], "--yes", current="second.key")
    assert (done.returncode, done.stdout) == (0, f"master key {ID[FIRST]} is given up\n")
    await _persons(database, MasterKeys(SECOND), 2)
    assert _states(keys, "second.key")[ID[FIRST]] == ("given up", 2)


def test_a_key_file_that_is_not_there_is_named(keys: Command, database: Database) -> None:
    told = keys("list", current="third.key")
    assert told.returncode == 1
    assert "third.key cannot be read: No such file or directory" in told.stderr
    assert "Correct MASTER_KEY_FILE" in told.stderr
