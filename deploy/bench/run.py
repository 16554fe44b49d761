"""Runs rounds of the phases, prints the median of each, and writes the figures as JSON when asked.

Rounds, because a shared machine may be half as fast a minute later: what is compared is measured side by side.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.bench.measure import Phase, cores, raw_floor, through
from deploy.bench.place import place

_AIMS = {"single": 1_000.0, "batch": 1_500.0}


def run(
    console: Console,
    *,
    rounds: int,
    complaints: int,
    connections: int,
    batch: int,
    latency_seconds: float,
    traces: float,
    json_file: Path | None,
) -> None:
    """Measure everything. Aims that are missed are shown, never an error: a benchmark is no test."""
    found: list[Round] = []
    with place(traces) as here:
        console.print("warming up …")
        through(here, "warm-up", "w", count=1_000, connections=16)
        for number in range(1, rounds + 1):
            found.append(
                Round(
                    single=through(here, "single", f"s{number}-", count=complaints, connections=connections),
                    batch=through(here, "batch", f"b{number}-", count=complaints, connections=2, batch=batch),
                    floor=raw_floor(here, complaints),
                )
            )
            console.print(f"round {number} of {rounds}: {found[-1].told()}")
        half = _median([one.single for one in found]).rate / 2
        console.print(f"latency at half of single POSTs, {half:,.0f}/s …")
        count = max(100, int(half * latency_seconds))
        latency = through(here, "half load", "h", count=count, connections=128, rate=half)
        memory = here.memory()
    _print(console, found, latency, memory)
    if json_file:
        json_file.write_text(json.dumps(_document(found, latency, memory), indent=2))


@dataclass(frozen=True)
class Round:
    """What was measured side by side."""

    single: Phase
    batch: Phase
    floor: Phase

    def told(self) -> str:
        """One line."""
        return (
            f"single {self.single.rate:,.0f}/s ({self.single.rate / self.floor.rate:.2f} of the floor), "
            f"batch {self.batch.rate:,.0f}/s ({self.batch.rate / self.floor.rate:.2f}), floor {self.floor.rate:,.0f}/s"
        )


def _median(phases: Sequence[Phase]) -> Phase:
    """The phase in the middle by its rate; of an even number the slower one."""
    return sorted(phases, key=lambda phase: phase.rate)[(len(phases) - 1) // 2]


def _document(found: Sequence[Round], latency: Phase, memory: Mapping[str, float]) -> dict[str, object]:
    medians = [_median([getattr(one, name) for one in found]) for name in ("single", "batch", "floor")]
    return {
        "cores": cores(),
        "phases": {phase.name: _plain(phase) for phase in (*medians, latency)},
        "rounds": [{name: _plain(phase) for name, phase in vars(one).items()} for one in found],
        "memory_mib": dict(memory),
    }


def _plain(phase: Phase) -> dict[str, object]:
    return {**vars(phase), "rate": phase.rate}


def _print(console: Console, found: Sequence[Round], latency: Phase, memory: Mapping[str, float]) -> None:
    each = f"{len(found)} rounds of {found[0].single.complaints:,}"
    table = Table(title=f"Redress on {cores()} cores that hold everything: median of {each}")
    for heading in ("phase", "per second", "range", "of the floor", "aim", "failed"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    medians: list[Phase] = []
    for name in ("single", "batch", "floor"):
        phases: list[Phase] = [getattr(one, name) for one in found]
        rates = [phase.rate for phase in phases]
        ratios = sorted(phase.rate / one.floor.rate for phase, one in zip(phases, found, strict=True))
        aim = _AIMS.get(name)
        medians.append(_median(phases))
        table.add_row(
            name,
            f"{medians[-1].rate:,.0f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            f"{ratios[(len(ratios) - 1) // 2]:.2f}",
            f"≥ {aim:,.0f}/s, ≥ 0.25" if aim else "",
            str(sum(phase.failed for phase in phases)),
        )
    single, batch, ground = medians
    console.print(table)
    console.print(
        f"at {single.rate / 2:,.0f}/s: "
        f"answer p50 {latency.post_ms['p50']:.1f} p99 {latency.post_ms['p99']:.1f} ms, "
        f"first notice p50 {latency.notice_ms['p50']:.0f} p99 {latency.notice_ms['p99']:.0f} ms (aim p99 ≤ 500)"
    )
    where = Table(title="Where the time goes: CPU µs per complaint")
    shown = (single, batch, latency, ground)
    where.add_column("process")
    for phase in shown:
        where.add_column(phase.name, justify="right")
    names = sorted({name for phase in shown for name in phase.cpu_us})
    for name in names:
        where.add_row(name, *(f"{phase.cpu_us[name]:,.0f}" if name in phase.cpu_us else "" for phase in shown))
    where.add_row("all", *(f"{sum(phase.cpu_us.values()):,.0f}" for phase in shown))
    console.print(where)
    console.print("memory MiB: " + ", ".join(f"{name} {mib:.0f}" for name, mib in memory.items()))
