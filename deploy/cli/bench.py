"""`redress bench`: how fast it is here, as ratios within one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def command(
    rounds: Annotated[int, typer.Option(min=1, max=20, help="How often each throughput phase is measured.")] = 3,
    complaints: Annotated[int, typer.Option(min=100, help="Complaints per throughput phase.")] = 8_000,
    connections: Annotated[int, typer.Option(min=1, help="Connections of the single POSTs.")] = 64,
    batch: Annotated[int, typer.Option(min=1, max=500, help="Complaints per request of the batch phase.")] = 100,
    latency_seconds: Annotated[float, typer.Option(min=1, help="Length of the phase at half load.")] = 15,
    traces: Annotated[float, typer.Option(min=0, max=1, help="Share of complaints that are traced.")] = 0.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure complaints per second from POST to first notice, latency at half load, and the floor, in one run.

    Starts a database, a broker and the four services of its own on free ports; leaves a running stack alone.
    """
    from deploy.bench.run import run

    run(
        Console(),
        rounds=rounds,
        complaints=complaints,
        connections=connections,
        batch=batch,
        latency_seconds=latency_seconds,
        traces=traces,
        json_file=json_file,
    )
