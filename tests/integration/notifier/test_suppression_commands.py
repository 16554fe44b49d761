"""`redress suppressions list|lift ADDRESS`, as an operator types them (C5)."""

import json
from pathlib import Path

import pytest

from shared.runtime.master_keys import MasterKeys
from shared.runtime.pg import Database
from shared.runtime.vault import Vault
from tests.support.commands import redress, settle_in
from tests.support.stack import Database as Served
from tests.support.stack import DatabaseFactory

MASTER = bytes([7]) * 32


@pytest.fixture
async def database(fresh_database: DatabaseFactory, tmp_path: Path) -> Served:
    made = fresh_database("intake", "notifier")
    settle_in(tmp_path, made.url)
    (tmp_path / "master.key").write_bytes(MASTER)
    own = Database(made.url_of("notifier"), name="test", size=2)
    vault = Vault(own, MasterKeys(MASTER))
    await vault.open()
    for address, until in (("li@example.com", "clock.now() + interval '1 day'"), ("old@example.com", "clock.now()")):
        made.execute(
            "INSERT INTO notifier.suppression (contact_hash, reason, since, until)"
            f" VALUES ($1, 'bad_mailbox', clock.now() - interval '1 day', {until})",
            vault.contact_hash("email", address),
        )
    await own.close()
    return made


def _command(home: Path, *arguments: str):
    return redress(home, "suppressions", *arguments, MASTER_KEY_FILE=str(home / "master.key"))


def test_those_in_force_are_listed_without_their_addresses_and_lifted_by_them(database: Served, tmp_path: Path) -> None:
    listed = json.loads(_command(tmp_path, "list", "--json").stdout)["suppressions"]
    assert [(one["reason"], one["complaints"], one["newest"]) for one in listed] == [("bad_mailbox", 0, [])]
    shown = _command(tmp_path, "list")
    assert (shown.returncode, "bad_mailbox" in shown.stdout, "li@" in shown.stdout) == (0, True, False)
    lifted = _command(tmp_path, "lift", " Li@Example.com ")
    assert (lifted.returncode, lifted.stdout) == (0, "It is written to again from now on.\n")
    assert _command(tmp_path, "lift", "li@example.com").stdout.startswith("This mailbox is not suppressed")
    assert _command(tmp_path, "list").stdout == "No mailbox is suppressed.\n"


def test_what_is_no_address_and_a_missing_master_key_are_said(database: Served, tmp_path: Path) -> None:
    wrong = _command(tmp_path, "lift", "13900001111")
    assert wrong.returncode == 1 and "is no e-mail address" in wrong.stderr
    without = redress(tmp_path, "suppressions", "lift", "li@example.com")
    assert without.returncode == 1 and "MASTER_KEY_FILE" in without.stderr
