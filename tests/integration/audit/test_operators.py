"""The operators' commands on a running Redress: demo, play, where, audit."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Servers
from tests.support.world import World, world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NARRATIVES = Path(__file__).parents[4] / "shared" / "data" / "cfpb8" / "dev.jsonl"


@pytest.fixture(scope="module")
def redress(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(servers, tmp_path_factory.mktemp("operators")) as running:
        running.endpoints()
        yield running


def run(redress: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `redress …` against the running Redress."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        env={**redress.spec("intake").env, "REDRESS_HOME": str(redress.home)},
        cwd=redress.spec("intake").cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def demo(redress: World) -> dict:
    """The demo, played once for all tests of the module."""
    return document(run(redress, "demo", "--json", "--rate", "200"))


def test_the_demo_files_every_example_and_plays_every_script_to_its_end(demo: dict) -> None:
    assert demo["failed"] == []
    assert demo["accepted"] >= 84 + 42
    assert demo["ended_early"] == {}


def test_the_demo_leaves_something_for_every_page(demo: dict) -> None:
    wanted = {"triage", "assigned", "accepted", "in_progress", "waiting_for_customer", "resolution_proposed", "closed"}
    assert wanted <= {state for state, count in demo["states"].items() if count}
    actions = {"accept", "progress", "ask", "promise", "transfer", "transfer/accept", "transfer/decline", "assign",
               "resolve", "note", "reply", "add", "confirm", "dispute", "rate", "withdraw"}  # fmt: skip
    assert actions <= demo["steps"].keys()


def test_a_second_demo_files_and_changes_nothing(redress: World, demo: dict) -> None:
    again = document(run(redress, "demo", "--json", "--rate", "200", "--pack", "retail"))
    assert again["accepted"] == 0
    assert again["repeated"] >= 84
    assert again["steps"] == {}
    assert again["left_alone"] > 80
    assert again["ended_early"] == {}


def test_nothing_is_broken_after_the_demo(redress: World, demo: dict) -> None:
    done = run(redress, "audit", "--json", "--wait", "40")
    report = json.loads(done.stdout)
    assert report["violations"] == []
    assert done.returncode == 0
    assert all(report["checked"][name] > 0 for name in report["checked"] if name not in {"I11", "I16", "I19"})


def test_real_narratives_are_played_into_the_bank_pack_once(redress: World, tmp_path: Path) -> None:
    if not NARRATIVES.exists():
        pytest.skip(f"left out: no {NARRATIVES.name} of cfpb8 beside the repository")
    log = tmp_path / "answers.jsonl"
    options = ("--pack", "bank", "--limit", "40", "--client-log", str(log))
    first = run(redress, "play", str(NARRATIVES), *options)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "40 accepted" in " ".join(first.stdout.split())
    again = run(redress, "play", str(NARRATIVES), *options, "--again", "--batch", "10")
    assert "0 accepted" in " ".join(again.stdout.split())
    answers = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({answer["complaint_id"] for answer in answers}) == 40
    report = json.loads(run(redress, "audit", "--json", "--wait", "30", "--client-log", str(log)).stdout)
    assert report["violations"] == []


def test_bad_lines_are_named_and_the_exit_code_says_so(redress: World, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    good = {"channel": "web", "language": "en", "text": "The lamp flickers.", "customer": {}}
    path.write_text(f"{json.dumps(good)}\nnot json\n{json.dumps({**good, 'surprise': 1})}\n")
    done = run(redress, "play", str(path))
    assert done.returncode == 1
    assert "line 2: not JSON" in done.stdout
    assert "line 3: 422" in done.stdout


def test_where_answers_the_contract_for_a_reference_however_it_is_typed(redress: World, demo: dict) -> None:
    told = redress.file("The blender smokes.", category="product_quality").json()
    reference = told["reference"]
    redress.case_when(reference, lambda case: case["clocks"], "has clocks")
    found = document(run(redress, "where", reference.lower().replace("-", " "), "--json"))
    assert list(found) == ["reference", "complaint_id", "state", "owner", "why", "clocks", "notices", "trace_id",
                           "waits"]  # fmt: skip
    assert (found["reference"], found["complaint_id"]) == (reference, told["complaint_id"])
    assert (found["state"], found["owner"]) == ("assigned", "product-quality")
    assert {clock["kind"] for clock in found["clocks"]} >= {"journey", "owner", "first_response", "silence"}
    assert all(set(clock) == {"kind", "due_at", "state"} for clock in found["clocks"])
    assert all(set(notice) == {"kind", "channel", "state", "at", "reason"} for notice in found["notices"])
    assert document(run(redress, "where", told["complaint_id"], "--json"))["reference"] == reference
    shown = run(redress, "where", reference)
    assert shown.returncode == 0
    assert "product-quality" in shown.stdout


def test_where_says_in_one_line_that_a_reference_is_unknown(redress: World) -> None:
    done = run(redress, "where", "R-2222-2222")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "There is no complaint R-2222-2222" in done.stderr
