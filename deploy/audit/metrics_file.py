"""The result of an audit for Prometheus: a file that node_exporter's textfile collector reads."""

from __future__ import annotations

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from deploy.audit.report import Report
from deploy.stack.errors import StackError


def write_metrics(report: Report, path: Path) -> None:
    """Write the file anew, at once whole. An audit that could not be made writes none: the time in it grows old.

    Raises:
        StackError: the file cannot be written.
    """
    registry = CollectorRegistry()
    violations = Gauge(
        "redress_invariant_violations_total", "Violations the last audit found", ["id"], registry=registry
    )
    checked = Gauge("redress_invariant_checked", "What the last audit looked at", ["id"], registry=registry)
    for invariant, count in report.counts.items():
        violations.labels(invariant).set(count)
        checked.labels(invariant).set(report.checked[invariant])
    at = Gauge("redress_audit_completed_seconds", "When the last audit was completed (Unix time)", registry=registry)
    at.set(time.time())
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise StackError(
            f"{path} cannot be written: {error.strerror}", "Name a file in a folder that is yours"
        ) from None
