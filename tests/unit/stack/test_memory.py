"""What `redress up` remembers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.errors import StackError
from deploy.stack.memory import recall, remember
from deploy.stack.settings import StackSettings

ELSEWHERE = "postgresql://owner:secret@db.example:5433/complaints"


@pytest.fixture(autouse=True)
def bare_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in StackSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings(home: Path, **given: Any) -> StackSettings:
    return StackSettings(redress_home=home, **given)


def recalled(wanted: StackSettings, servers: Any = "ask", ask: Any = None) -> tuple[StackSettings, list[str]]:
    told: list[str] = []
    return recall(wanted, servers, say=told.append, ask=ask), told


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    wanted = settings(tmp_path, database_url=ELSEWHERE)
    assert recalled(wanted) == (wanted, [])


def test_what_the_shell_does_not_say_stays_as_it_was_and_is_told_without_secrets(tmp_path: Path) -> None:
    remember(settings(tmp_path, database_url=ELSEWHERE, redress_port_base=9000, redress_traces=False))
    assert (tmp_path / "settings.json").stat().st_mode & 0o777 == 0o600
    found, told = recalled(settings(tmp_path))
    assert (found.database_url, found.redress_port_base, found.redress_traces) == (ELSEWHERE, 9000, False)
    assert len(told) == 1
    for words in ("REDRESS_PORT_BASE=9000", "REDRESS_TRACES=0", "DATABASE_URL=postgresql://db.example:5433/complaints"):
        assert words in told[0]
    assert "secret" not in told[0]


def test_the_shell_counts_for_what_is_no_server(tmp_path: Path) -> None:
    remember(settings(tmp_path, redress_port_base=9000))
    found, told = recalled(settings(tmp_path, redress_port_base=9100))
    assert (found.redress_port_base, told) == (9100, [])


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ({}, {"database_url": ELSEWHERE}),
        ({"database_url": ELSEWHERE}, {"database_url": "postgresql://owner:secret@db2.example/complaints"}),
        ({}, {"kafka_bootstrap_servers": "kafka.example:9092"}),
        ({"smtp_url": "smtp://one.example"}, {"smtp_url": "smtp://two.example"}),
    ],
)
def test_other_servers_are_asked_for(tmp_path: Path, before: dict[str, str], wanted: dict[str, str]) -> None:
    remember(settings(tmp_path, **before))
    there = settings(tmp_path, **wanted)
    with pytest.raises(StackError, match=r"--servers=keep.*--servers=change") as refused:
        recalled(there)
    assert "secret" not in str(refused.value)
    with pytest.raises(StackError, match="Nothing was changed"):
        recalled(there, ask=lambda _question: False)
    assert recalled(there, ask=lambda _question: True)[0].database_url == there.database_url
    kept = recalled(there, "keep")[0]
    assert {name: getattr(kept, name) for name in wanted} == {name: before.get(name) for name in wanted}
    changed = recalled(there, "change")[0]
    assert {name: getattr(changed, name) for name in wanted} == wanted


def test_change_without_variables_means_the_built_in_servers(tmp_path: Path) -> None:
    remember(settings(tmp_path, database_url=ELSEWHERE, redress_port_base=9000))
    found, _ = recalled(settings(tmp_path), "change")
    assert (found.database_url, found.redress_port_base) == (None, 9000)


def test_another_password_is_no_other_server(tmp_path: Path) -> None:
    remember(settings(tmp_path, database_url=ELSEWHERE))
    renewed = ELSEWHERE.replace("secret", "renewed")
    assert recalled(settings(tmp_path, database_url=renewed))[0].database_url == renewed


def test_addresses_of_an_older_version_are_understood(tmp_path: Path) -> None:
    services = {"intake": "http://127.0.0.1:9001", "kafka": "127.0.0.1:9009", "mail": "http://127.0.0.1:9005"}
    (tmp_path / "endpoints.json").write_text(json.dumps({**services, "traces": "", "postgres": ELSEWHERE}))
    (tmp_path / "kafka").mkdir()
    found, _ = recalled(settings(tmp_path))
    assert (found.redress_port_base, found.redress_traces) == (9000, False)
    assert (found.database_url, found.kafka_bootstrap_servers, found.smtp_url) == (ELSEWHERE, None, None)
