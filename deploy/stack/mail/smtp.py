"""The SMTP side (RFC 5321, with PIPELINING, 8BITMIME and SMTPUTF8): takes every message, relays none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

#: Larger messages are refused with 552.
MAX_MESSAGE = 10 * 1024 * 1024
_MAX_LINE = 4096
_MAX_RECIPIENTS = 1000
_PATH = re.compile(rb'^(?:FROM|TO):\s*<((?:"[^"]*"|[^<>"])*)>(?:\s.*)?$', re.IGNORECASE)

#: Called with sender, recipients and content; raises `OSError` when it cannot keep the message.
Keep = Callable[[str, tuple[str, ...], bytes], object]


class SmtpSession(asyncio.Protocol):
    """One connection. Answers are written together per received chunk, so pipelining clients wait once."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._reading_data = False
        self._searched = 0
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._answers: list[bytes] = []
        self._verbs: dict[bytes, Callable[[bytes], bytes]] = {
            b"EHLO": self._ehlo,
            b"HELO": lambda _rest: b"250 redress",
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"RSET": self._rset,
            b"NOOP": lambda _rest: b"250 OK",
            b"VRFY": lambda _rest: b"252 Send and see",
            b"HELP": lambda _rest: b"214 Every message is caught, none is delivered",
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._transport.write(b"220 redress mail catcher ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Work off everything that is complete, then answer at once."""
        self._buffer += data
        while self._take_message() if self._reading_data else self._take_line():
            pass
        if self._answers and self._transport is not None:
            self._transport.write(b"\r\n".join(self._answers) + b"\r\n")
            self._answers.clear()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_LINE:
                self._buffer.clear()
                self._answers.append(b"500 Line too long")
            return False
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if verb == b"QUIT":
            self._quit()
            return False
        handler = self._verbs.get(verb)
        self._answers.append(b"500 Command not known" if handler is None else handler(rest.strip()))
        return True

    def _take_message(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            content, consumed = b"", 3
        else:
            end = self._buffer.find(b"\r\n.\r\n", max(0, self._searched - 4))
            if end < 0:
                self._searched = len(self._buffer)
                if self._searched > MAX_MESSAGE:
                    self._refuse_flood()
                return False
            content, consumed = bytes(self._buffer[: end + 2]), end + 5
        del self._buffer[:consumed]
        self._searched = 0
        self._reading_data = False
        self._answers.append(self._accept(content))
        self._sender, self._recipients = None, []
        return True

    def _accept(self, content: bytes) -> bytes:
        if len(content) > MAX_MESSAGE:
            return b"552 Message larger than 10 MiB"
        if content.startswith(b".") or b"\r\n." in content:
            content = (b"\r\n" + content).replace(b"\r\n.", b"\r\n")[2:]
        assert self._sender is not None
        try:
            self._keep(self._sender, tuple(self._recipients), content)
        except OSError:
            return b"452 No space to keep the message"
        return b"250 OK"

    def _ehlo(self, _rest: bytes) -> bytes:
        self._rset(b"")
        lines = (b"250-redress", b"250-SIZE %d" % MAX_MESSAGE, b"250-8BITMIME", b"250-SMTPUTF8", b"250 PIPELINING")
        return b"\r\n".join(lines)

    def _mail(self, rest: bytes) -> bytes:
        match = _PATH.match(rest)
        if self._sender is not None:
            return b"503 Sender already given"
        if match is None or rest[:4].upper() != b"FROM":
            return b"501 Syntax: MAIL FROM:<address>"
        self._sender = match[1].decode("utf-8", "replace")
        return b"250 OK"

    def _rcpt(self, rest: bytes) -> bytes:
        match = _PATH.match(rest)
        if self._sender is None:
            return b"503 Say MAIL first"
        if match is None or not match[1] or rest[:2].upper() != b"TO":
            return b"501 Syntax: RCPT TO:<address>"
        if len(self._recipients) >= _MAX_RECIPIENTS:
            return b"452 Too many recipients"
        self._recipients.append(match[1].decode("utf-8", "replace"))
        return b"250 OK"

    def _data(self, _rest: bytes) -> bytes:
        if not self._recipients:
            return b"503 Say RCPT first"
        self._reading_data = True
        return b"354 End with <CRLF>.<CRLF>"

    def _rset(self, _rest: bytes) -> bytes:
        self._sender, self._recipients = None, []
        return b"250 OK"

    def _quit(self) -> None:
        self._answers.append(b"221 Bye")
        self._finish()

    def _refuse_flood(self) -> None:
        self._answers.append(b"552 Message larger than 10 MiB")
        self._finish()

    def _finish(self) -> None:
        self._buffer.clear()
        if self._transport is not None:
            self._transport.write(b"\r\n".join(self._answers) + b"\r\n")
            self._answers.clear()
            self._transport.close()
