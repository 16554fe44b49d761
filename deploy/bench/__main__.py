"""`python -m deploy.bench`: measures, prints a table, and writes the figures as JSON when asked."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.bench.measure import Phase, cores, raw_floor, through
from deploy.bench.place import place

_AIMS = {"single": 1_000.0, "batch": 1_500.0}


def main() -> int:
    """Run; answers the exit code. Aims that are missed are shown, never an error: a benchmark is no test."""
    parser = argparse.ArgumentParser(prog="redress bench", description=__doc__)
    parser.add_argument("--complaints", type=int, default=12_000, help="complaints per throughput phase")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--batch", type=int, default=100, help="complaints per request of the batch phase")
    parser.add_argument("--latency-seconds", type=float, default=15)
    parser.add_argument("--traces", type=float, default=0.0, help="share of complaints that are traced (0..1)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    console = Console()
    with place(asked.traces) as here:
        console.print("warming up …")
        through(here, "warm-up", "w", count=1_000, connections=16)
        console.print("single POSTs …")
        single = through(here, "single", "s", count=asked.complaints, connections=asked.connections)
        console.print(f"  {single.rate:,.0f}/s; batches …")
        batch = through(here, "batch", "b", count=asked.complaints, connections=2, batch=asked.batch)
        console.print(f"  {batch.rate:,.0f}/s; latency at half of single POSTs …")
        half = single.rate / 2
        count = int(half * asked.latency_seconds)
        latency = through(here, "half load", "h", count=count, connections=128, rate=half)
        console.print("  the floor …")
        ground = raw_floor(here, asked.complaints)
        memory = here.memory()
    _print(console, single, batch, latency, ground, memory)
    if asked.json:
        phases = {p.name: {**vars(p), "rate": p.rate} for p in (single, batch, latency, ground)}
        asked.json.write_text(json.dumps({"cores": cores(), "phases": phases, "memory_mib": memory}, indent=2))
    return 0


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
        f"at {latency.complaints / (latency.complaints / single.rate * 2):,.0f}/s: "
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


if __name__ == "__main__":
    sys.exit(main())
