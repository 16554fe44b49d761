"""`python -m services.router staff`: people may be added, renewed and ended; nothing secret is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.integration.router.conftest import ROOT, OneDatabase


@pytest.fixture
def staff(router_database: OneDatabase) -> Any:
    def command(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        environment = {"DATABASE_URL": router_database.url_of("router"), "PATH": os.environ["PATH"]}
        return subprocess.run(
            [sys.executable, "-m", "services.router", "staff", *arguments],
            input=given, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60, check=False,
        )  # fmt: skip

    return command


def test_people_are_added_one_by_one_or_all_at_once_and_ended(staff: Any, router_database: OneDatabase) -> None:
    added = staff(
        "add", "--user", "new.one", "--role", "handler", "--department", "billing", "--password-stdin",
        given="a long password\n",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    entries = [
        {"user": "new.two", "role": "lead", "department": "cards", "name": "王芳", "password": "another password"},
        {"user": "new.one", "role": "lead", "department": "delivery", "password": "a new password"},
    ]
    loaded = staff("load", given=json.dumps(entries))
    assert loaded.returncode == 0, loaded.stderr
    rows = router_database.fetch("SELECT * FROM directory.staff WHERE user_name LIKE 'new.%' ORDER BY user_name")
    assert [(row["user_name"], row["role"], row["department"]) for row in rows] == [
        ("new.one", "lead", "delivery"), ("new.two", "lead", "cards"),
    ]  # fmt: skip
    assert all(row["password_hash"].startswith("$argon2id$") for row in rows)
    assert staff("remove", "--user", "new.one").returncode == 0
    assert "new.one\tlead\tdelivery\tnew.one\tended" in staff("list").stdout
    told = added.stdout + added.stderr + loaded.stdout + loaded.stderr
    assert "password" not in told


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"department": "nowhere"}, "no department 'nowhere'"),
        ({"role": "king"}, "role"),
        ({"user": "With Space"}, "user"),
        ({"password": "short"}, "password"),
        ({"salary": 1}, "salary"),
    ],
)
def test_wrong_entries_are_refused_whole_with_the_reason(staff: Any, entry: dict[str, Any], said: str) -> None:
    good = {"user": "bad.one", "role": "handler", "department": "billing", "password": "very secret word"}
    answer = staff("load", given=json.dumps([good | entry]))
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "secret" not in answer.stderr
    assert "Traceback" not in answer.stderr
