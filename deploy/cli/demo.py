"""`redress demo`: our examples through the three channels, and people who work them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from deploy.stack.errors import StackError


def command(
    pack: Annotated[str, typer.Option(help="retail, bank or all.")] = "all",
    rate: Annotated[float, typer.Option(min=0.1, help="Complaints per second, slow enough to be watched.")] = 25.0,
    seed: Annotated[int, typer.Option(help="Another seed deals out other plots.")] = 20261122,
    act: Annotated[bool, typer.Option(help="Let handlers and customers act afterwards.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for programs.")] = False,
) -> None:
    """Play the examples through the three channels and work them, with live progress.

    Stores deliver partly by the batch endpoint. Then handlers accept, ask, promise, transfer and resolve through the
    router's API, and customers answer, confirm, dispute and rate on their pages; who rang and left no e-mail is called
    back, and what they say is recorded. Doing it again changes nothing.
    """
    from deploy.cli.play import until_interrupted
    from deploy.console import operator_console
    from deploy.endpoints import load_endpoints
    from deploy.play import summary
    from deploy.play.demo import DemoWish, demo
    from deploy.play.demo import as_json as json_of
    from deploy.play.examples import PACKS
    from deploy.play.show import complaints_about_input
    from deploy.play.stage import Stage

    if pack not in {*PACKS, "all"}:
        raise StackError(f"There are no examples for the pack {pack!r}", "Use retail, bank or all")
    endpoints = load_endpoints()
    console = operator_console(stderr=as_json)
    wish = DemoWish(packs=PACKS if pack == "all" else (pack,), rate=rate, seed=seed, act=act)
    with Stage(console) as stage:
        played = asyncio.run(until_interrupted(lambda stop: demo(endpoints, wish, console, stage.told, stop)))
    for line in (line for tally in played.tallies for line in complaints_about_input(tally)):
        console.print(line, markup=False, highlight=False)
    if as_json:
        typer.echo(json_of(played))
    else:
        console.print(summary.view(played, endpoints))
    if any(tally.failures for tally in played.tallies):
        raise typer.Exit(1)
