"""`redress staff`: who may sign in, changed on the running stack; a password is shown once and kept by nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.router.conftest import ROOT, OneDatabase
from tests.support.stack import environment_without_servers


@pytest.fixture
def redress(router_database: OneDatabase, tmp_path: Path) -> Any:
    addresses = dict.fromkeys(("intake", "router", "sla", "notifier"), "http://127.0.0.1:1")
    (tmp_path / "endpoints.json").write_text(
        json.dumps({**addresses, "kafka": "127.0.0.1:1", "postgres": router_database.url})
    )

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", *arguments], cwd=ROOT, input=given,
            env=environment_without_servers() | {"REDRESS_HOME": str(tmp_path), "COLUMNS": "200"},
            text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_somebody_is_added_given_another_password_and_dismissed(redress: Any, router_database: OneDatabase) -> None:
    added = redress("staff", "add", "new.person", "--role", "lead", "--department", "billing", "--name", "新人")
    assert added.returncode == 0, added.stderr
    password = added.stdout.strip()
    assert len(password) >= 16 and added.stdout == f"{password}\n"
    [row] = router_database.fetch("SELECT * FROM directory.staff WHERE user_name = 'new.person'")
    assert (row["role"], row["department"], row["pack"], row["name"]) == ("lead", "billing", "retail", "新人")
    again = redress("staff", "add", "new.person", "--role", "handler", "--department", "billing")
    assert again.returncode == 1 and "is there already" in again.stderr
    assert (
        redress("staff", "add", "new.person", "--role", "handler", "--department", "cards", "--renew").returncode == 0
    )
    reset = redress("staff", "reset", "new.person", "--password-stdin", given="a word of my own\n")
    assert reset.returncode == 0 and "a word" not in reset.stdout + reset.stderr
    assert redress("staff", "disable", "new.person").returncode == 0
    [after] = router_database.fetch("SELECT * FROM directory.staff WHERE user_name = 'new.person'")
    assert (after["pack"], after["active"], after["session_epoch"]) == ("bank", False, row["session_epoch"] + 3)
    listed = json.loads(redress("staff", "list", "--json").stdout)["staff"]
    assert next(one for one in listed if one["user"] == "new.person")["active"] is False
    assert "new.person" in redress("staff", "list").stdout
    lines = [json.loads(line) for line in redress("security-log", "--user", "operator", "--json").stdout.splitlines()]
    assert [line["kind"] for line in lines if line["detail"].get("user") == "new.person"] == [
        "staff_disabled", "staff_reset", "staff_saved", "staff_saved",
    ]  # fmt: skip
    assert password not in json.dumps(lines)
    assert "staff_disabled" in redress("security-log", "--since", "2h").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("staff", "add", "somebody", "--role", "king", "--department", "billing"), "role"),
        (("staff", "add", "somebody", "--role", "lead", "--department", "nowhere"), "There is no department"),
        (("staff", "add", "Some Body", "--role", "lead", "--department", "billing"), "user"),
        (("staff", "disable", "nobody.here"), "Nobody may sign in"),
        (("staff", "reset", "nobody.here"), "Nobody may sign in"),
        (("staff", "reset", "li.delivery", "--password-stdin"), "8 to 200"),
        (("security-log", "--reference", "nonsense"), "no reference"),
        (("security-log", "--since", "yesterday"), "no moment"),
    ],
)
def test_what_is_refused_is_one_line_with_the_remedy(redress: Any, arguments: tuple[str, ...], said: str) -> None:
    refused = redress(*arguments)
    assert refused.returncode == 1 and refused.stdout == ""
    assert refused.stderr.startswith("redress: ") and said in refused.stderr and refused.stderr.count("\n") == 1
