"""The keys of persons can live in another database: everything works across both, and a dump of one holds no other (H6)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deploy.stack.errors import StackError
from deploy.stack.ports import Ports
from deploy.stack.services import NAMES, Surroundings, service_spec
from deploy.stack.setup import prepare_vault
from tests.support.stack import DatabaseFactory, Servers
from tests.support.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_complaint_goes_from_filing_to_the_mailbox_with_the_keys_in_another_database(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    vault = servers.create_database()
    world = World(servers, tmp_path_factory.mktemp("apart"), vault=vault)
    try:
        world.start()
        told = world.file("The parcel never came.", category="delivery", customer={"email": "apart@example.com"}).json()
        world.mail_when("apart@example.com", lambda mails: mails, "is written to")
        world.case_when(told["reference"], lambda case: case["clocks"], "has clocks")
        assert vault.fetch("SELECT count(*) AS n FROM vault.person")[0]["n"] == 1
        assert world.database.fetch("SELECT count(*) AS n FROM vault.person")[0]["n"] == 0
        again = world.file("Still nothing.", category="delivery", customer={"email": "apart@example.com"})
        assert again.status_code == 201
        assert vault.fetch("SELECT count(*) AS n FROM vault.person")[0]["n"] == 1
    finally:
        world.stop()
        servers.drop_database(vault)


async def test_keys_that_are_still_beside_the_complaints_are_not_left_behind(fresh_database: DatabaseFactory) -> None:
    beside, apart = fresh_database("intake"), fresh_database()
    await asyncio.to_thread(
        beside.execute,
        "INSERT INTO vault.person (person_id, wrapped_key) VALUES (gen_random_uuid(), '\\x00')",
    )
    with pytest.raises(StackError, match="Move them first"):
        await prepare_vault(apart.url, beside.url, {})
    await asyncio.to_thread(
        apart.execute, "INSERT INTO vault.person (person_id, wrapped_key) VALUES (gen_random_uuid(), '\\x00')"
    )
    await prepare_vault(apart.url, beside.url, {})


def test_each_service_reaches_it_as_its_own_role(tmp_path: Path) -> None:
    around = Surroundings(
        home=tmp_path,
        ports=Ports.at(8100),
        database="postgresql://admin@127.0.0.1:1/redress",
        passwords=dict.fromkeys(NAMES, "secret"),
        kafka="",
        smtp="",
        mail="",
        traces="",
        spans="",
        master_key=tmp_path,
        session_key=tmp_path,
        event_keys=tmp_path,
        web_assets=tmp_path,
        vault="postgresql://admin:x@keys.example:5432/vault",
    )
    for name in NAMES:
        environment = service_spec(name, around).env
        assert environment["VAULT_DATABASE_URL"] == f"postgresql://redress_{name}:secret@keys.example:5432/vault"
