"""What a restored database and a deleted topic leave behind is mended by `redress recover` (B1, H6; fault matrix rows 20, 53)."""

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from deploy.stack.services import NAMES
from deploy.stack.topics import delete_topics
from tests.support.audited import violations
from tests.support.stack import execute, run
from tests.support.world import World, wait_for, world

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

TEXT = "The parcel was promised for Monday and has still not arrived."


WISHES = {
    "call_back": {"number": "+8613912345678", "hours": "after 18:00", "language": "en"},
    "on_behalf_of": {"name": "Li Wei"},
    "wanted": "refund",
}


@pytest.fixture
def own(servers, tmp_path_factory):
    with world(servers, tmp_path_factory.mktemp("recovery")) as made:
        yield made


def _stop(redress: World) -> None:
    for process in redress._processes.values():
        process.send_signal(signal.SIGTERM)
    for process in redress._processes.values():
        process.wait(20)


def _start(redress: World) -> None:
    for name in NAMES:
        redress.launch(name)
    redress.wait_ready()


def _recover(redress: World, *arguments: str) -> str:
    redress.endpoints()
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "recover", *arguments],
        env={**redress.spec("intake").env, "REDRESS_HOME": str(redress.home)},
        cwd=redress.spec("intake").cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    return done.stdout


def _admin(redress: World) -> str:
    return urlunsplit(urlsplit(redress.database.url)._replace(path="/postgres"))


def _file(redress: World, number: int, **more: Any) -> dict[str, Any]:
    to = f"{uuid.uuid4().hex[:10]}@example.com"
    key = str(uuid.uuid4())
    body = {"category": "delivery", "customer": {"email": to, "name": "Li Hua"}, **more}
    told = redress.file(f"{TEXT} ({number})", key=key, **body)
    assert told.status_code == 201, told.text
    wait_for(lambda: redress.mails(to), f"acknowledgement of {number}", 60)
    return {**told.json(), "to": to, "key": key, "accepted": datetime.now(UTC)}


@contextmanager
def _restored(redress: World, *, vault_apart: bool) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """A stopped Redress whose database is from before its last complaints; gives those before, and those after."""
    before = [_file(redress, number) for number in range(3)]
    _stop(redress)
    name, backup = redress.database.name, f"{redress.database.name}_backup"
    run(execute(_admin(redress), f"CREATE DATABASE {backup} TEMPLATE {name}"))
    try:
        _start(redress)
        after = [_file(redress, number, **(WISHES if number == 5 else {})) for number in range(3, 8)]
        _stop(redress)
        vault = redress.database.fetch("SELECT person_id, contact_hash, wrapped_key FROM vault.person")
        run(execute(_admin(redress), f"DROP DATABASE {name} WITH (FORCE)"))
        run(execute(_admin(redress), f"CREATE DATABASE {name} TEMPLATE {backup}"))
        for row in vault if vault_apart else ():  # of a vault that is kept apart the rows are today's
            redress.database.execute(
                "INSERT INTO vault.person (person_id, contact_hash, wrapped_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                *row,
            )
        yield before, after
    finally:
        run(execute(_admin(redress), f"DROP DATABASE IF EXISTS {backup} WITH (FORCE)"))


def test_a_restored_database_files_again_what_was_accepted_and_repeats_nothing(own: World) -> None:
    with _restored(own, vault_apart=True) as (before, after):
        assert "5 accepted complaints are filed again\n" in _recover(own, "--dry-run")
        assert own.database.fetch("SELECT count(*) FROM intake.complaint")[0][0] == 3
        _recover(own)
        assert _recover(own) == "Topics and database fit together.\n"
        _start(own)
        rows = own.database.fetch("SELECT reference, body, email FROM intake.complaint ORDER BY accepted_at")
        assert [row["reference"] for row in rows] == [one["reference"] for one in [*before, *after]]
        assert [row["email"] for row in rows] == [one["to"] for one in [*before, *after]]
        asked = "SELECT details FROM intake.complaint WHERE reference = $1"
        assert json.loads(own.database.fetch(asked, after[2]["reference"])[0]["details"]) == WISHES
        for one in after:
            own.case_when(one["reference"], lambda c: c["clocks"], "has an owner and clocks again")
        again = own.file("anything", key=after[0]["key"])
        assert again.json()["complaint_id"] == after[0]["complaint_id"]
        more = _file(own, 9)
        assert more["reference"] not in {one["reference"] for one in [*before, *after]}
        for one in [*before, *after]:
            assert len(own.mails(one["to"])) == 1
        assert violations(own, wait=60) == []


def test_a_restore_that_took_the_persons_keys_along_says_so_and_keeps_the_cases(own: World) -> None:
    with _restored(own, vault_apart=False) as (before, after):
        for name in NAMES:  # as in a backup of a release that did not know how far it had written
            own.database.execute(f"TRUNCATE {name}.relay_partition")
        assert "complaints.intake: how far it was written is not known; say from when on with --since" in _recover(
            own, "--dry-run"
        )
        since = f"--since={before[-1]['accepted']:%Y-%m-%dT%H:%M:%S}"
        told = _recover(own, "--dry-run", since)
        assert "5 accepted complaints are filed again; the texts of 5 cannot be opened" in told
        _recover(own, since)
        assert _recover(own) == "Topics and database fit together.\n"
        _start(own)
        for one in after:
            case = own.case_when(one["reference"], lambda c: c["clocks"], "has an owner and clocks again")
            assert case["department"]
        more = _file(own, 9)
        assert more["reference"] not in {one["reference"] for one in [*before, *after]}
        for one in [*before, *after]:
            assert len(own.mails(one["to"])) == 1
        assert violations(own, wait=60) == []


def test_deleted_topics_are_made_anew_and_filled(own: World) -> None:
    told = [_file(own, number) for number in range(3)]
    _stop(own)
    asyncio.run(delete_topics(own.broker.bootstrap, ["complaints.intake", "complaints.routing"]))
    said = _recover(own)
    assert "complaints.intake is not there: it is made" in said
    _start(own)
    _file(own, 4)
    for one in told:
        assert len(own.mails(one["to"])) == 1
    assert violations(own, wait=60) == []
