"""Who may come through the door of a process, how much they may bring, and what is said to those who may not."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp

from shared.problems import MEDIA_TYPE, PREFIX, status_of
from shared.runtime import metrics
from shared.runtime.web import language as languages
from shared.runtime.web.addresses import Networks, is_loopback, network_of
from shared.runtime.web.texts import LANGUAGES, Catalogue, Language

if TYPE_CHECKING:
    from shared.runtime.door import Door

_RESERVE: Final = 64
"""Connections beyond the limit that may still ask for health."""
_SWEEP_SECONDS: Final = 1.0


class Why(StrEnum):
    """Why somebody is turned away; the label of the metric."""

    MALFORMED = "malformed"
    HEADERS = "headers"
    ADDRESS = "address"
    BODY = "body"
    SLOW = "slow"
    STALLED = "stalled"
    CONNECTIONS = "connections"


_NAMES: Final[Mapping[Why, str]] = {
    Why.MALFORMED: "malformed",
    Why.SLOW: "too-slow",
    Why.BODY: "too-large",
    Why.ADDRESS: "address-too-long",
    Why.HEADERS: "headers-too-large",
    Why.CONNECTIONS: "unavailable",
}
PROBLEMS: Final[Mapping[Why, tuple[int, str]]] = {why: (status_of(name), name) for why, name in _NAMES.items()}
RETRY_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of what a process takes from outside; sizes in bytes, times in seconds.

    Attributes:
        head_bytes: request line and headers together.
        body_bytes: a body whose route says nothing else; `bodies` has the routes that do, by path.
        head_seconds: from the first byte of a request (or from connecting) to the end of its headers.
        body_seconds: grace for a body, to which each `body_rate` bytes that came add a second.
        idle_seconds: a kept connection without a request.
        stall_seconds: an answer of which the peer reads nothing.
        surplus_seconds: as head_seconds, for connections beyond the limit.
        connections: open at once in this process; `per_address` from one IPv4 address or IPv6 /64 that is not `trusted`.
    """

    head_bytes: int = 32 * 1024
    body_bytes: int = 256 * 1024
    bodies: Mapping[str, int] = field(default_factory=dict)
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_rate: float = 16 * 1024
    idle_seconds: float = 15.0
    stall_seconds: float = 30.0
    surplus_seconds: float = 2.0
    connections: int = 512
    per_address: int = 128
    trusted: Networks = field(default_factory=Networks)


class Gate:
    """The connections of a process.

    Attributes:
        limits: as set.
        refusing: applications that answer in the place of the service where a request was understood.
    """

    def __init__(self, limits: Limits, service: str, texts: Catalogue, refusing: Mapping[Why, ASGIApp]) -> None:
        self.limits = limits
        self.refusing = refusing
        self._counters = {why: metrics.TURNED_AWAY.labels(service, why.value) for why in Why}
        self._answers = {(why, spoken): _answer(why, spoken, texts) for why in PROBLEMS for spoken in LANGUAGES}
        self._doors: dict[Door, str | None] = {}
        self._of_address: Counter[str] = Counter()
        self._sweeping = False

    def __len__(self) -> int:
        """Connections that are open."""
        return len(self._doors)

    def enter(self, door: "Door", address: str | None) -> None:
        """A connection was opened: let it in, let it ask for health alone, or say no and close."""
        counted = None if self._is_exempt(address) else network_of(address)
        if counted is not None:
            self._of_address[counted] += 1
        self._doors[door] = counted
        if not self._sweeping:
            self._sweeping = True
            door.loop.call_later(_SWEEP_SECONDS, self._sweep, door.loop)
        if counted is not None and self._of_address[counted] > self.limits.per_address:
            door.refuse(Why.CONNECTIONS)
        elif len(self._doors) > self.limits.connections and not self._make_room(door):
            door.surplus = True
            if len(self._doors) > self.limits.connections + 2 * _RESERVE:
                door.transport.abort()
            elif len(self._doors) > self.limits.connections + _RESERVE:
                door.refuse(Why.CONNECTIONS)

    def leave(self, door: "Door") -> None:
        """A connection is gone."""
        counted = self._doors.pop(door, None)
        if counted is not None:
            self._of_address[counted] -= 1
            if self._of_address[counted] <= 0:
                del self._of_address[counted]

    def count(self, why: Why) -> None:
        """Somebody was turned away."""
        self._counters[why].inc()

    def answer(self, why: Why, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The bytes of a refusal, in the language that the headers read so far ask for."""
        wished = next((value.decode("latin-1") for name, value in headers if name == b"accept-language"), "")
        return self._answers[why, languages.accepted(wished)]

    def _is_exempt(self, address: str | None) -> bool:
        """Whether many may stand behind one address: this machine, and proxies that are trusted to name their callers."""
        return not address or is_loopback(address) or address in self.limits.trusted

    def _make_room(self, newcomer: "Door") -> bool:
        """Close the oldest connection on which nothing happens: a kept one, or one that never asked."""
        now = newcomer.loop.time()
        for door in self._doors:
            if door.is_idle(now):
                door.transport.close()
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for door in tuple(self._doors):
            door.check(now)
        self._sweeping = bool(self._doors)
        if self._sweeping:
            loop.call_later(_SWEEP_SECONDS, self._sweep, loop)


def _answer(why: Why, spoken: Language, texts: Catalogue) -> bytes:
    status, code = PROBLEMS[why]
    said = {"type": PREFIX + code, "status": status}
    for part in ("title", "detail"):
        said[part] = texts.say(f"problem.{code}.{part}", spoken)
    body = json.dumps(said, ensure_ascii=False).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        f"content-language: {languages.HTML_LANG[spoken]}",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "connection: close",
        *((f"retry-after: {RETRY_SECONDS}",) if status == 503 else ()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
