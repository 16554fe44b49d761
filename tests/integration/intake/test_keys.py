"""Channel keys: made, used at once, revoked, kept while the database is away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from services.intake import keys
from tests.integration.intake.conftest import Running
from tests.support.stack import Database, DatabaseFactory


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> Database:
    return fresh_database("intake")


@pytest.fixture
async def connection(database: Database):
    found = await asyncpg.connect(database.url_of("intake"), server_settings={"search_path": "intake"})
    yield found
    await found.close()


async def test_a_new_key_works_at_once(intake: Running):
    made = await keys.add_key(intake.service.database, name="new-shop", channel="web", pack="retail")
    intake.keys["new"] = made
    assert (await intake.post(channel="new")).status_code == 201


async def test_a_revoked_key_is_refused_within_the_refresh(start: Any):
    async with start(intake_keys_seconds=0.05) as intake:
        assert (await intake.post()).status_code == 201
        assert await keys.revoke(intake.service.database, "web") == 1
        async with asyncio.timeout(5):
            while (await intake.post()).status_code != 401:
                pass


async def test_a_client_changes_keys_without_a_pause_and_keeps_its_answers(intake: Running):
    key = "00000000-0000-4000-8000-000000000001"
    first = await intake.post(key=key)
    intake.keys["web"] = await keys.add_key(intake.service.database, name="web", channel="web", pack="retail")
    assert (await intake.post(key=key)).content == first.content


async def test_only_the_hash_of_a_key_is_stored(database: Database, connection: Any):
    made = await keys.add_key(connection, name="shop", channel="web", pack="retail")
    assert made.startswith("rk_") and len(made) >= 43
    dump = str(await connection.fetch("SELECT * FROM client_key")) + str(await keys.listed(connection))
    assert made not in dump and made[3:] not in dump


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"name": "Shop!"}, "lower case"),
        ({"name": "web-form"}, "our own pages"),
        ({"name": "shop", "channel": "phone"}, "exists with channel web"),
        ({"name": "shop", "pack": "bank"}, "exists with pack retail"),
        ({"name": "shop", "store_id": "S1"}, "exists with store none"),
        ({"name": "shop", "key": "short"}, "at least 32"),
        ({"name": "two", "key": "k" * 40}, "another client"),
    ],
    ids=str,
)
async def test_a_client_that_cannot_be_is_refused_with_the_reason(connection: Any, wishes: dict[str, Any], words: str):
    await keys.add_key(connection, name="shop", channel="web", pack="retail", key="k" * 40)
    with pytest.raises(keys.BadClient, match=words):
        await keys.add_key(connection, **({"channel": "web", "pack": "retail"} | wishes))


def command(database: Database, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.intake", "client", *arguments],
        env=os.environ | {"DATABASE_URL": database.url_of("intake")}, input=text, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_the_command_makes_lists_and_revokes_clients(database: Database):
    added = command(database, "add", "--client", "shop", "--channel", "web")
    assert added.returncode == 0 and added.stdout.startswith("rk_")
    till = ("add", "--client", "till", "--channel", "store", "--store", "S1", "--key-stdin")
    for _ in range(2):  # giving the same key twice changes nothing
        given = command(database, *till, text="k" * 40)
        assert (given.returncode, given.stdout) == (0, "")
    listed = command(database, "list").stdout
    assert "shop\tweb\tretail\t-" in listed and "till\tstore\tretail\tS1" in listed and "web-form" in listed
    assert command(database, "revoke", "--client", "shop").stdout == "1 revoked\n"
    again = command(database, "revoke", "--client", "shop")
    assert again.returncode == 1 and "no live key" in again.stderr
    wrong = command(database, "add", "--client", "SHOP", "--channel", "web")
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1
