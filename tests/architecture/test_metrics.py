"""Metrics: one prefix, names as Prometheus' own linter wants them, and the runbook lists what there is."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import services
import shared

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
UNITS = ("_seconds", "_records", "_bytes")
RESERVED = {"le", "quantile", "job", "instance", "exported_job", "exported_instance"}


def _metrics() -> dict[str, MetricWrapperBase]:
    """Every metric of ours by its full name."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found = {}
    for collector in set(REGISTRY._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            total = "_total" if collector._type == "counter" else ""
            found[f"{collector._name}{total}"] = collector
    return found


METRICS = _metrics()


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_is_named_as_prometheus_wants_it(name: str) -> None:
    metric = METRICS[name]
    assert re.fullmatch(r"redress_[a-z]+(_[a-z]+)*", name)
    assert name.endswith("_total") == (metric._type == "counter")
    assert metric._type != "histogram" or name.endswith(UNITS)
    assert not name.endswith(("_count", "_sum", "_bucket", "_milliseconds", "_ms", "_minutes"))
    assert metric._documentation.strip() and not metric._documentation.endswith(".")
    assert all(re.fullmatch(r"[a-z_]+", label) and label not in RESERVED for label in metric._labelnames)


def test_the_runbook_lists_exactly_the_metrics_there_are_with_their_labels() -> None:
    rows = [line for line in RUNBOOK.read_text("utf-8").splitlines() if line.startswith("| `redress_")]
    told = {}
    for row in rows:
        for name, labels in re.findall(r"`(redress_[a-z_]+)(?:\{([^}]*)\})?`", row.split(" | ")[0]):
            told[name] = {label.partition("=")[0] for label in labels.split(",")} - {""}
    assert set(told) == set(METRICS)
    for name, labels in told.items():
        assert labels <= set(METRICS[name]._labelnames), name


def test_http_metrics_tell_method_route_and_status() -> None:
    assert METRICS["redress_http_request_seconds"]._labelnames == ("service", "method", "route", "status")
    assert METRICS["redress_channel_requests_total"]._labelnames == ("client", "status")
