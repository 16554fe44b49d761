"""The door of a service: uvicorn's HTTP/1.1 protocol with limits on size, time and connections before any work is done.

What a caller sends is counted while it comes, never kept beyond its limit, and answered with problem details. An upgrade
that nobody offers (`h2c`, `websocket`) is ignored as RFC 9110 §7.8 allows: the request is read to its end, whereas the
parser's own way (uvicorn#2722) loses the body and reads it as the next request. See docs/adr/0015.
"""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.runtime.gate import Gate, Why

_MAX_FIELDS = 200
"""Header fields of a request: each costs every look-up of a header a comparison."""
_MAX_PIPELINED = 50
_MAX_URL = 8 * 1024
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 16 * 1024 * 1024
_FRESH_SECONDS = 1.0
_WATCHED = frozenset({b"expect", b"host", b"content-length"})
_HEALTH = (b"/livez", b"/readyz")


# What has not come yet; plain numbers, because every header and chunk compares them.
_NOTHING: Final = 0
_HEAD: Final = 1
_BODY: Final = 2


class _Refused(Exception):
    """Raised through the parser, which stops at it; `why` is kept beside it because the parser wraps what it catches."""


class Door(HttpToolsProtocol):
    """One connection. `gate` is set by a subclass per server (`shared.runtime.server`)."""

    gate: ClassVar[Gate]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaited: int = _HEAD
        self._since = self.loop.time()  # when what is awaited began to come; 0.0: nothing is overdue
        self.surplus = False
        """More connections are open than there may be: only health is answered."""
        self._why: Why | None = None
        self._deaf = False
        """Refused: what still comes is thrown away until the connection closes."""
        self._drained = 0
        self._stalled = 0.0
        self._forget_request()

    def _forget_request(self) -> None:
        self._head_bytes = self._hosts = self._length = self._body_bytes = self._pending_bytes = 0
        self._began_now = True
        self._limit = self.gate.limits.body_bytes

    # -- the connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Come in, or be turned away."""
        super().connection_made(transport)
        self.gate.enter(self, self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self.gate.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what is not complete yet."""
        if self._deaf:
            self._drained += len(data)
            if self._drained > _LINGER_BYTES:
                self.transport.abort()
            return
        self._unset_keepalive_if_required()
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._feed_behind(data, upgrade.args[0])
        except httptools.HttpParserError:
            self.refuse(self._why or Why.MALFORMED)
            return
        if self._awaited:
            self._still_waiting(len(data))
        elif self.cycle.response_complete and self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _feed_behind(self, data: bytes, at: int) -> None:
        """Read on behind the head of a request that asks for an upgrade."""
        rest = memoryview(data)
        while rest := rest[at:]:
            self._ignore_upgrade()
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                at = upgrade.args[0]
        self._ignore_upgrade()

    def _ignore_upgrade(self) -> None:
        """Let a fresh parser read the body: it is told how the message is framed, and then goes on for good."""
        framing = [self.scope["method"].encode(), b" / HTTP/", self.scope["http_version"].encode(), b"\r\n"]
        for name, value in self.headers:
            if name in (b"content-length", b"transfer-encoding"):
                framing += (name, b": ", value, b"\r\n")
            elif name == b"connection":
                kept = {b"close", b"keep-alive"}.intersection(token.strip().lower() for token in value.split(b","))
                framing += (b"connection: ", b", ".join(kept), b"\r\n") if kept else ()
        self.parser = httptools.HttpRequestParser(_Resumed(self))
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"".join((*framing, b"\r\n")))

    def _still_waiting(self, size: int) -> None:
        if not self._since:
            self._since = self.loop.time()
        if self._began_now:  # an earlier message may have ended in this chunk, so its size says nothing
            self._began_now = False
            return
        self._pending_bytes += size
        if self._awaited == _HEAD and self._pending_bytes > self.gate.limits.head_bytes:
            self.refuse(Why.HEADERS)
        elif self._awaited == _BODY and self._pending_bytes > 8 * self._limit + 65_536:
            self.refuse(Why.BODY)  # tiny chunks, or their extensions and trailers, weigh more than what they bring

    # -- the parser's callbacks ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._awaited = _HEAD
        self._forget_request()

    def on_url(self, url: bytes) -> None:
        """The target, or a piece of it."""
        self.url += url
        self._head_bytes += len(url)
        if len(self.url) > _MAX_URL:
            self._stop(Why.ADDRESS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; one behind the body (a trailer) is not the request's and is left out."""
        if self._awaited != _HEAD:
            return
        name = name.lower()
        self._head_bytes += len(name) + len(value) + 4
        if name in _WATCHED:
            self._watch(name, value)
        self.headers.append((name, value))

    def _watch(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"content-length":
            self._length = int(value)  # the parser has judged it
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head alone says no."""
        if self._head_bytes > self.gate.limits.head_bytes or len(self.headers) > _MAX_FIELDS:
            self._stop(Why.HEADERS)
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            self._stop(Why.MALFORMED)  # RFC 9112 §3.2
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._stop(Why.MALFORMED)
        if self.parser.should_upgrade() and self.parser.get_method() == b"CONNECT":
            self._stop(Why.MALFORMED)  # we are no proxy, and what follows its head is no HTTP
        why: Why | None = None
        if self._length > self._limit and self._length > self._widen():
            why = Why.BODY
        elif self.surplus:
            why = Why.CONNECTIONS if self.url not in _HEALTH else None
        if why is None:
            super().on_headers_complete()
        else:
            self._answer_with(self.gate.refusing[why], why)
        if self.surplus:
            self.cycle.keep_alive = False
        self._awaited = _BODY
        self._since = 0.0

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._deaf:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._limit and self._body_bytes > self._widen():
            self._stop(Why.BODY)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here; of one that asks for an upgrade the body is still to come."""
        if self.parser.should_upgrade():
            return
        self._awaited = _NOTHING
        self._since = 0.0
        if not self._deaf:
            super().on_message_complete()

    def _stop(self, why: Why) -> None:
        self._why = why
        raise _Refused

    def _widen(self) -> int:
        """Bytes the body may have by its route; routes are few that say so, and only large bodies ask."""
        path = unquote(self.url.partition(b"?")[0].decode("ascii", "replace"))
        self._limit = self.gate.limits.bodies.get(path, self._limit)
        return self._limit

    # -- saying no -----------------------------------------------------------------------------------------------------

    def _answer_with(self, app: ASGIApp, why: Why) -> None:
        """Let `app` answer in the place of the service, throw the body away and close."""
        self.gate.count(why)
        usual, self.app = self.app, cast(Any, app)
        try:
            super().on_headers_complete()
        finally:
            self.app = usual
        self.cycle.keep_alive = False
        self.cycle.transport = cast(asyncio.Transport, _Lingering(self))
        self._deaf = True

    def refuse(self, why: Why) -> None:
        """Say why not, as far as somebody can still hear it, and close."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        self.gate.count(why)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._awaited != _BODY:  # the fault is in what follows a request that is being answered
                cycle.keep_alive = False
                return
            started = cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            if started or self.pipeline:
                self.transport.close()
                return
        if cycle is not None and cycle.response_complete and self._awaited == _BODY:
            self.linger()  # answered before the body was here
            return
        self.transport.write(self.gate.answer(why, self.headers or ()))
        self.linger()

    def linger(self) -> None:
        """Close once the answer can have been read: closing with unread input would make the peer forget it."""
        if self.transport.is_closing():
            return
        self._deaf = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    # -- what the gate asks now and then -------------------------------------------------------------------------------

    def is_idle(self, now: float) -> bool:
        """Whether nobody loses an answer when it closes: all is answered, and no request has begun to come just now."""
        if self.transport.is_closing() or not (self.cycle is None or self.cycle.response_complete):
            return False
        return self._awaited == _NOTHING or (self._awaited == _HEAD and now - self._since > _FRESH_SECONDS)

    def check(self, now: float) -> None:
        """Act on what takes too long."""
        limits = self.gate.limits
        if self.flow.write_paused or self.transport.is_closing():  # the peer does not read
            self._stalled = self._stalled or now
            if now - self._stalled > limits.stall_seconds:
                self.gate.count(Why.STALLED)
                self.transport.abort()
            return
        self._stalled = 0.0
        if self._deaf or not (self._awaited and self._since):
            return
        if self.flow.read_paused:  # we do not read
            self._since = now
        elif self._awaited == _BODY:
            if now - self._since > limits.body_seconds + self._body_bytes / limits.body_rate:
                self.refuse(Why.SLOW)
        elif now - self._since > (limits.surplus_seconds if self.surplus else limits.head_seconds):
            if self._head_bytes == 0:
                self.gate.count(Why.SLOW)
                self.transport.close()  # never asked anything
            else:
                self.refuse(Why.SLOW)


class _Resumed:
    """The callbacks of a parser that goes on behind an upgrade: it passes over the head that only tells the framing."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._framing = True
        self.on_body: Callable[[bytes], None] = door.on_body
        self.on_message_complete: Callable[[], None] = door.on_message_complete

    def on_message_begin(self) -> None:
        if not self._framing:
            self._door.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._framing:
            self._door.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._framing:
            self._door.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._framing:
            self._door.on_headers_complete()
        self._framing = False


class _Lingering:
    """A transport for one answer, whose end lets the peer read it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def write(self, data: bytes) -> None:
        self._door.transport.write(data)

    def is_closing(self) -> bool:
        return self._door.transport.is_closing()

    def close(self) -> None:
        self._door.linger()
