"""One run of `redress play`: a file, a pack, a pace."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from deploy.audit.client_log import ClientLog
from deploy.endpoints import Endpoints, endpoints_file
from deploy.play.channel import Channel
from deploy.play.journal import Journal
from deploy.play.keys import DEFAULT_PACK, channel_keys
from deploy.play.player import Pace, play
from deploy.play.show import live
from deploy.play.sources import Reading, read_file
from deploy.play.tally import Tally
from deploy.stack.errors import StackError

_FIRST_ANSWER = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator asked for; the options of `redress play`."""

    file: Path
    pack: str = "retail"
    rate: float | None = None
    channel: str | None = None
    limit: int | None = None
    batch: int = 0
    at_once: int = 8
    again: bool = False
    contact: bool = True
    dates: bool = False
    client_log: Path | None = None


async def run(endpoints: Endpoints, wish: Wish, console: Console, stop: asyncio.Event | None = None) -> Tally:
    """Play the file; answers the counts.

    Raises:
        StackError: the file cannot be read, no key for the pack, or intake refuses or stays away.
    """
    journal = Journal(endpoints_file().parent / "play", wish.file, wish.pack, wish.channel, endpoints.intake)
    reading = Reading(
        pack=wish.pack, anchor=journal.anchor, channel=wish.channel, contact=wish.contact, dates=wish.dates
    )
    tally = Tally()
    log = ClientLog(wish.client_log) if wish.client_log else None
    pace = Pace(rate=wish.rate, batch=wish.batch, at_once=wish.at_once, limit=wish.limit)
    try:
        async with open_http(wish.at_once) as http:
            await must_answer(http, endpoints.intake)
            keys = await channel_keys(endpoints, wish.pack)
            channels = Channels(http, endpoints.intake, wish.pack, keys, tally, log)
            async with live(console, tally, f"Playing {wish.file.name} into {wish.pack}"):
                lines = read_file(wish.file, reading)
                await play(lines, channels, pace, tally, journal=journal, again=wish.again, stop=stop)
    finally:
        journal.close()
        if log is not None:
            log.close()
    return tally


async def must_answer(http: httpx.AsyncClient, url: str) -> None:
    """Ask once whether anybody is there: an outage on the way is waited out, a stack that is down is not.

    Raises:
        StackError: nobody answers.
    """
    try:
        await http.get(f"{url.rstrip('/')}/livez", timeout=_FIRST_ANSWER)
    except httpx.TransportError as error:
        raise StackError(
            f"Redress does not answer at {url} ({type(error).__name__})",
            "Start it with `make up`, or see `make status`",
        ) from None


def open_http(at_once: int) -> httpx.AsyncClient:
    """A client that keeps as many connections as there are requests in flight."""
    limits = httpx.Limits(max_connections=at_once + 2, max_keepalive_connections=at_once + 2)
    return httpx.AsyncClient(timeout=httpx.Timeout(30.0, connect=3.0), limits=limits)


class Channels:
    """The channel client for a channel's name, made when it is first needed."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        pack: str,
        keys: Mapping[str, str],
        tally: Tally,
        log: ClientLog | None = None,
    ) -> None:
        self._http = http
        self._url = url
        self._pack = pack
        self._keys = keys
        self._tally = tally
        self._log = log
        self._made: dict[str, Channel] = {}

    def __call__(self, name: str) -> Channel:
        if name not in self._made:
            key = self._keys.get(name)
            if key is None:
                raise StackError(f"There is no key for the channel {name}", "Make one with `redress channels key`")
            client = f"local-{name}" if self._pack == DEFAULT_PACK else f"play-{self._pack}-{name}"
            self._made[name] = Channel(
                self._http, self._url, key, log=self._log, client=client, waiting=self._tally.wait
            )
        return self._made[name]
