"""What Prometheus learns of an audit: each promise with what is broken, and when it was looked at."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.audit.metrics_file import write_metrics
from deploy.audit.report import CHECKS, judge
from deploy.stack.errors import StackError
from tests.unit.audit.changes import case
from tests.unit.audit.healthy import world


def samples(path: Path) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(path.read_text())
    return {(s.name, s.labels.get("id", "")): s.value for family in families for s in family.samples}


def test_each_invariant_has_a_sample_and_a_broken_one_says_how_often(tmp_path: Path) -> None:
    path = tmp_path / "redress.prom"
    write_metrics(judge(world()), path)
    fine = samples(path)
    name = "redress_invariant_violations_total"
    assert {invariant: fine[name, invariant] for invariant in CHECKS} == dict.fromkeys(CHECKS, 0)
    assert time.time() - fine["redress_audit_completed_seconds", ""] < 60
    write_metrics(judge(case(world(), department="billing")), path)
    broken = samples(path)
    assert broken[name, "I2"] == 1
    assert broken["redress_invariant_checked", "I2"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["redress.prom"]


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be written"):
        write_metrics(judge(world()), tmp_path / "nowhere" / "redress.prom")
