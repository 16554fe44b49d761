"""`redress channels`: keys are shown once, listed by hash, revoked; what is refused is one line with the remedy."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import DatabaseFactory, environment_without_servers


@pytest.fixture
def redress(fresh_database: DatabaseFactory, tmp_path: Path):
    database = fresh_database("intake")
    nowhere = "http://127.0.0.1:1"
    (tmp_path / "endpoints.json").write_text(
        json.dumps(
            dict.fromkeys(("intake", "router", "sla", "notifier"), nowhere)
            | {"kafka": "127.0.0.1:1", "postgres": database.url}
        )
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", "channels", *arguments],
            env=environment_without_servers() | {"REDRESS_HOME": str(tmp_path), "COLUMNS": "200"},
            text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_a_key_is_printed_alone_listed_by_its_hash_and_revoked(redress):
    made = redress("key", "--client", "shop", "--channel", "web")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key.startswith("rk_") and made.stdout == f"{key}\n"
    (client,) = [c for c in json.loads(redress("list", "--json").stdout)["clients"] if c["name"] == "shop"]
    assert (client["channel"], client["pack"], len(client["live_keys"])) == ("web", "retail", 1)
    assert key not in redress("list").stdout and "shop" in redress("list").stdout
    other = redress("key", "--client", "shop", "--channel", "web").stdout.strip()
    ours = hashlib.sha256(other.encode()).hexdigest()[:8]
    assert redress("revoke", "--client", "shop", "--key", ours).stdout == "1 revoked\n"
    (client,) = [c for c in json.loads(redress("list", "--json").stdout)["clients"] if c["name"] == "shop"]
    assert client["live_keys"] == [hashlib.sha256(key.encode()).hexdigest()[:8]]
    assert redress("revoke", "--client", "shop").stdout == "1 revoked\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("key", "--client", "shop", "--channel", "fax"), "Use web, phone or store"),
        (("key", "--client", "Shop", "--channel", "web"), "lower case"),
        (("key", "--client", "shop", "--channel", "web", "--pack", "nope"), "retail"),
        (("key", "--client", "shop", "--channel", "web", "--rate", "0"), "more than 0"),
        (("revoke", "--client", "shop"), "no live key"),
        (("revoke", "--client", "shop", "--key", "0badf00d"), "no such key"),
        (("revoke", "--client", "shop", "--key", "rk_whole"), "first eight hex digits"),
    ],
    ids=str,
)
def test_what_is_refused_is_one_line_with_the_remedy(redress, arguments: tuple[str, ...], words: str):
    refused = redress(*arguments)
    assert refused.returncode == 1 and refused.stdout == ""
    assert words in refused.stderr and refused.stderr.count("\n") == 1
