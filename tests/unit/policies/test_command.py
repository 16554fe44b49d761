"""`redress policies`: exit codes and words an operator and a script can rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import Result
from typer.testing import CliRunner

from deploy.cli.policies import app

ROOT = Path(__file__).resolve().parents[3]


class Pack(Protocol):
    folder: Path

    def spoil(self, file: str, old: str, new: str) -> None: ...


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli.main", "policies", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def redress(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=text)


def test_check_of_the_shipped_packs_ends_with_0() -> None:
    done = process("check")
    assert done.returncode == 0
    assert all(line.startswith("warning: the holidays of ") for line in done.stderr.splitlines()), "half a year ahead"
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["bank", "retail"]
    assert "  office: holidays are known until 2027-12-31; later dates count holidays as working days" in lines


def test_check_of_a_bad_pack_ends_with_1_and_a_line_per_problem_on_stderr(pack: Pack) -> None:
    pack.spoil("routing", "owner: repair", "owner: repiar")
    pack.spoil("sla", "calendar: days", "calendar: dayz")
    done = process("check", str(pack.folder))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "small/routing.yaml:17: unknown department 'repiar' (did you mean repair?)",
        "small/sla.yaml:5: unknown calendar 'dayz' (did you mean days?)",
        "refused: 2 problems; nothing of this folder is used",
    ]


def test_check_of_a_folder_that_is_not_there_ends_with_1(tmp_path: Path) -> None:
    done = redress("check", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "no policies: No such file" in done.stderr


def test_check_can_be_read_by_programs() -> None:
    summary = json.loads(redress("check", "--json").stdout)
    assert {line["pack"] for line in summary} == {"bank", "retail"}
    assert all(line["rules"] > 0 for line in summary)


def test_explain_names_owner_reasons_and_deadline_in_the_language_asked_for() -> None:
    done = redress("explain", "--language", "zh", "--text", "充电宝冒烟了，孩子手指烫伤，我要打12315")
    assert done.exit_code == 0
    assert "safety  安全应急" in done.stdout
    assert "urgent" in done.stdout
    assert "12315" in done.stdout
    assert "answer within 3 calendar days" in done.stdout


def test_explain_reads_a_text_from_standard_input() -> None:
    done = redress("explain", "--pack", "bank", "--json", "--text", "-", text="My escrow account and mortgage payment")
    decision = json.loads(done.stdout)
    assert decision["department"] == "mortgage"
    assert decision["category"] == "mortgage"
    assert decision["why"][0]["found"] == ["escrow", "mortgage*"]


@pytest.mark.parametrize(
    "wrong",
    [("--pack", "grocer"), ("--category", "nothing"), ("--channel", "fax"), ("--language", "fr")],
)
def test_explain_refuses_what_it_does_not_know_with_2(wrong: tuple[str, str]) -> None:
    done = redress("explain", "--text", "hello", *wrong)
    assert done.exit_code == 2
    assert f"{wrong[1]!r} is none of" in done.stderr
