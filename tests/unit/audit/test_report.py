"""The report: silent over a healthy world, and every check in it can fail."""

from __future__ import annotations

from deploy.audit.report import CHECKS, judge
from tests.unit.audit import (
    test_clocks,
    test_dead_letters,
    test_delivery,
    test_erasure,
    test_filing,
    test_links,
    test_notices,
    test_ownership,
    test_privacy,
    test_security_log,
    test_traces,
)
from tests.unit.audit.changes import case
from tests.unit.audit.healthy import TOKEN, world

ALL = (
    test_clocks,
    test_dead_letters,
    test_delivery,
    test_erasure,
    test_filing,
    test_links,
    test_notices,
    test_ownership,
    test_privacy,
    test_security_log,
    test_traces,
)


def test_a_healthy_world_has_no_violation_and_every_check_looked_at_something() -> None:
    report = judge(world())
    assert report.violations == ()
    assert report.ok
    assert all(size > 0 for size in report.checked.values()), report.checked


def test_every_invariant_is_proved_able_to_fail() -> None:
    proved = {invariant for module in ALL for invariant, _, _ in module.BROKEN.values()}
    assert proved == CHECKS.keys()


def test_the_report_is_the_contract() -> None:
    report = judge(case(world(), department="billing")).as_json()
    assert report["ok"] is False
    assert set(report["violations"][0]) == {"invariant", "complaint_id", "what"}
    assert report["checked"]["I2"] == 1
    assert TOKEN not in str(report)
