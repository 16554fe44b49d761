"""What `redress audit` answers when it fails itself: never the exit code of a broken promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.audit import auditor
from deploy.cli.main import COMMANDS, load

ENDPOINTS = (
    '{"intake": "http://i", "router": "http://r", "sla": "http://s", "notifier": "http://n",'
    ' "kafka": "k:1", "postgres": "postgresql://p"}'
)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def audit(*_: Any, **__: Any) -> None:
        raise KeyError("Ms Zhang, 13812345678")

    (tmp_path / "endpoints.json").write_text(ENDPOINTS)
    monkeypatch.setenv("REDRESS_HOME", str(tmp_path))
    monkeypatch.setattr(auditor, "audit", audit)


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_fault_of_its_own_is_one_line_and_exit_2(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as over:
        load("audit", COMMANDS["audit"]).main(options, prog_name="redress")
    assert over.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    assert line.startswith("redress: The audit itself failed (KeyError in tests/unit/audit/test_command.py, line ")
    assert "Zhang" not in line
