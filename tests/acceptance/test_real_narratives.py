"""Real input: 500 published narratives of the US consumer bureau through the bank pack, each owned, clocked and answered."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.audited import violations
from tests.support.world import Told, World, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
NARRATIVES = Path(__file__).parents[3] / "shared" / "data" / "cfpb8" / "dev.jsonl"
COUNT = 500


def test_500_narratives_get_one_owner_clocks_and_an_acknowledgement_each(redress: World, tmp_path: Path):
    if not NARRATIVES.exists():
        pytest.skip("left out: the folder shared/data/cfpb8 does not lie beside this checkout")
    redress.endpoints()
    log = tmp_path / "answers.jsonl"
    arguments = ("play", str(NARRATIVES), "--pack", "bank", "--limit", str(COUNT), "--client-log", str(log))
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        env={**redress.spec("intake").env, "REDRESS_HOME": str(redress.home)},
        cwd=redress.spec("intake").cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    answers = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [a["status"] for a in answers] == [201] * COUNT
    redress.client_log += [Told(a["status"], a["idempotency_key"], a) for a in answers]

    def acknowledged() -> bool:
        rows = redress.database.fetch(
            "SELECT count(*) FROM notifier.notice WHERE kind = 'acknowledgement' AND state = 'sent'"
        )
        return rows[0][0] >= COUNT

    wait_for(acknowledged, "every acknowledgement is sent", 120)
    owners = redress.database.fetch("SELECT department, count(*) AS cases FROM router.cases GROUP BY 1")
    counted = {row["department"]: row["cases"] for row in owners}
    assert sum(counted.values()) == COUNT
    assert all(department.startswith("bank-") or department in _BANK for department in counted), counted
    assert counted.get("bank-triage", 0) < COUNT * 0.15, "few are left to people"
    assert violations(redress, wait=60) == []


_BANK = {
    "credit-reporting",
    "debt-collection",
    "mortgage",
    "cards",
    "student-loans",
    "consumer-loans",
    "money-transfers",
    "fraud",
}
