"""What a restored database and a deleted topic leave behind is mended by `redress recover` (B1, H6; fault matrix rows 20, 53)."""

import asyncio
import signal
import subprocess
import sys
import uuid
from urllib.parse import urlsplit, urlunsplit

import pytest

from deploy.stack.services import NAMES
from deploy.stack.topics import delete_topics
from tests.support.audited import violations
from tests.support.stack import execute, run
from tests.support.world import World, wait_for, world

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

TEXT = "The parcel was promised for Monday and has still not arrived."


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


def _file(redress: World, number: int) -> dict[str, str]:
    to = f"{uuid.uuid4().hex[:10]}@example.com"
    key = str(uuid.uuid4())
    body = {"category": "delivery", "customer": {"email": to, "name": "Li Hua"}}
    told = redress.file(f"{TEXT} ({number})", key=key, **body)
    assert told.status_code == 201, told.text
    wait_for(lambda: redress.mails(to), f"acknowledgement of {number}", 60)
    return {**told.json(), "to": to, "key": key}


def test_a_restored_database_files_again_what_was_accepted_and_repeats_nothing(own: World) -> None:
    before = [_file(own, number) for number in range(3)]
    _stop(own)
    name, backup = own.database.name, f"{own.database.name}_backup"
    vault = own.database.fetch("SELECT * FROM vault.person")
    run(execute(_admin(own), f"CREATE DATABASE {backup} TEMPLATE {name}"))
    try:
        _start(own)
        after = [_file(own, number) for number in range(3, 8)]
        _stop(own)
        vault = own.database.fetch("SELECT person_id, contact_hash, wrapped_key FROM vault.person")
        run(execute(_admin(own), f"DROP DATABASE {name} WITH (FORCE)"))
        run(execute(_admin(own), f"CREATE DATABASE {name} TEMPLATE {backup}"))
        # The vault is kept apart, so its rows are those of today.
        for row in vault:
            own.database.execute(
                "INSERT INTO vault.person (person_id, contact_hash, wrapped_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                *row,
            )
        assert "5 accepted complaints are filed again" in _recover(own, "--dry-run")
        assert own.database.fetch("SELECT count(*) FROM intake.complaint")[0][0] == 3
        _recover(own)
        assert _recover(own) == "Topics and database fit together.\n"
        _start(own)
        rows = own.database.fetch("SELECT reference, body, email FROM intake.complaint ORDER BY accepted_at")
        assert [row["reference"] for row in rows] == [one["reference"] for one in [*before, *after]]
        assert [row["email"] for row in rows] == [one["to"] for one in [*before, *after]]
        for one in after:
            own.case_when(one["reference"], lambda c: c["clocks"], "has an owner and clocks again")
        again = own.file("anything", key=after[0]["key"])
        assert again.json()["complaint_id"] == after[0]["complaint_id"]
        more = _file(own, 9)
        assert more["reference"] not in {one["reference"] for one in [*before, *after]}
        for one in [*before, *after]:
            assert len(own.mails(one["to"])) == 1
        assert violations(own, wait=60) == []
    finally:
        run(execute(_admin(own), f"DROP DATABASE IF EXISTS {backup} WITH (FORCE)"))


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
