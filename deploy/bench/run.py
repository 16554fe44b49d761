"""Runs the phases one after another, prints a table, and writes the figures as JSON when asked."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.bench.measure import Phase, cores, raw_floor, through
from deploy.bench.place import place

_AIMS = {"single": 1_000.0, "batch": 1_500.0}


def run(
    console: Console,
    *,
    complaints: int,
    connections: int,
    batch: int,
    latency_seconds: float,
    traces: float,
    json_file: Path | None,
) -> None:
    """Measure everything. Aims that are missed are shown, never an error: a benchmark is no test."""
    with place(traces) as here:
        console.print("warming up …")
        through(here, "warm-up", "w", count=1_000, connections=16)
        console.print("single POSTs …")
        single = through(here, "single", "s", count=complaints, connections=connections)
        console.print(f"  {single.rate:,.0f}/s; batches …")
        batches = through(here, "batch", "b", count=complaints, connections=2, batch=batch)
        console.print(f"  {batches.rate:,.0f}/s; latency at half of single POSTs …")
        half = single.rate / 2
        latency = through(
            here, "half load", "h", count=max(100, int(half * latency_seconds)), connections=128, rate=half
        )
        console.print("the floor …")
        ground = raw_floor(here, complaints)
        memory = here.memory()
    _print(console, single, batches, latency, ground, memory)
    if json_file:
        phases = {p.name: {**vars(p), "rate": p.rate} for p in (single, batches, latency, ground)}
        json_file.write_text(json.dumps({"cores": cores(), "phases": phases, "memory_mib": memory}, indent=2))


def _print(
    console: Console, single: Phase, batch: Phase, latency: Phase, ground: Phase, memory: Mapping[str, float]
) -> None:
    table = Table(title=f"Redress on {cores()} cores that hold everything")
    for heading in ("phase", "complaints", "per second", "of the floor", "aim", "failed"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for phase in (single, batch, ground):
        aim = _AIMS.get(phase.name)
        table.add_row(
            phase.name,
            f"{phase.complaints:,}",
            f"{phase.rate:,.0f}",
            f"{phase.rate / ground.rate:.2f}",
            f"≥ {aim:,.0f}/s, ≥ 0.25" if aim else "",
            str(phase.failed),
        )
    console.print(table)
    console.print(
        f"at {single.rate / 2:,.0f}/s: "
        f"answer p50 {latency.post_ms['p50']:.1f} p99 {latency.post_ms['p99']:.1f} ms, "
        f"first notice p50 {latency.notice_ms['p50']:.0f} p99 {latency.notice_ms['p99']:.0f} ms (aim p99 ≤ 500)"
    )
    where = Table(title="Where the time goes: CPU µs per complaint")
    phases = (single, batch, latency, ground)
    where.add_column("process")
    for phase in phases:
        where.add_column(phase.name, justify="right")
    names = sorted({name for phase in phases for name in phase.cpu_us})
    for name in names:
        where.add_row(name, *(f"{phase.cpu_us[name]:,.0f}" if name in phase.cpu_us else "" for phase in phases))
    where.add_row("all", *(f"{sum(phase.cpu_us.values()):,.0f}" for phase in phases))
    console.print(where)
    console.print("memory MiB: " + ", ".join(f"{name} {mib:.0f}" for name, mib in memory.items()))
