"""`redress play FILE`: play a file of complaints through the channels."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from deploy.stack.errors import StackError

T = TypeVar("T")
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:\s*/\s*(s|sec|second|m|min|minute)?)?")


def parse_rate(text: str | None) -> float | None:
    """Complaints per second from `50`, `50/s` or `120/min`.

    Raises:
        StackError: it is no rate.
    """
    if text is None:
        return None
    match = _RATE.fullmatch(text.strip())
    rate = float(match[1]) / (60 if match and match[2] and match[2].startswith("m") else 1) if match else 0.0
    if rate <= 0:
        raise StackError(f"{text!r} is no rate", "Write it like 20/s or 90/min")
    return rate


def command(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines of complaints, or the CFPB's table (CSV; also by ; tab or |); UTF-8 or UTF-16, plain or .gz."
        ),
    ],
    pack: Annotated[str, typer.Option(help="Policy pack to file into.")] = "retail",
    rate: Annotated[
        str | None, typer.Option(help="Complaints per second, like 20/s; default: as fast as it goes.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Play every line through web, phone or store.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Play at most so many lines.")] = None,
    batch: Annotated[int, typer.Option(min=0, max=500, help="Complaints per request of the batch endpoint.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Requests in flight.")] = 8,
    again: Annotated[
        bool, typer.Option("--again", help="Send also what was accepted before; files nothing twice.")
    ] = False,
    contact: Annotated[
        bool, typer.Option(help="Give masked senders an invented address, to see their notices.")
    ] = True,
    keep_dates: Annotated[bool, typer.Option("--keep-dates", help="Keep published dates as time of receipt.")] = False,
    client_log: Annotated[Path | None, typer.Option(help="Append every answer as JSON, for `redress audit`.")] = None,
) -> None:
    """Play a file of complaints, with live progress.

    A line's content is its idempotency key: a file played twice files nothing new, an interrupted run goes on where it
    stopped. Lines that cannot be read are reported with their number and passed over; a table whose quotes are wrong is
    read up to there. Exit 1 when a complaint was refused or none was filed.
    """
    from deploy.console import operator_console
    from deploy.endpoints import load_endpoints
    from deploy.packs import check_pack
    from deploy.play.run import Wish, run
    from deploy.play.show import complaints_about_input

    if channel not in {None, "web", "phone", "store"}:
        raise StackError(f"There is no channel {channel!r}", "Use web, phone or store")
    check_pack(pack)
    wish = Wish(
        file=file,
        pack=pack,
        rate=parse_rate(rate),
        channel=channel,
        limit=limit,
        batch=batch,
        at_once=at_once,
        again=again,
        contact=contact,
        dates=keep_dates,
        client_log=client_log,
    )
    endpoints = load_endpoints()
    console = operator_console()
    tally = asyncio.run(until_interrupted(lambda stop: run(endpoints, wish, console, stop)))
    for line in complaints_about_input(tally):
        console.print(line, markup=False, highlight=False)
    if tally.nothing_filed:
        console.print(f"Nothing was filed from {file}: {tally.nothing_filed}", markup=False, highlight=False)
    if tally.failures or tally.nothing_filed:
        raise typer.Exit(1)


async def until_interrupted(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Do the work; Ctrl-C asks it to end in order instead of cutting it off."""
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    return await work(stop)
