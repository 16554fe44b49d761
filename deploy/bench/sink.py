"""A mail server that only notes when each recipient's first message arrived: the far end of the measured way.

Speaks enough SMTP (RFC 5321) for our notifier, with PIPELINING (RFC 2920). Run: `python -m deploy.bench.sink PORT`.
Ask it with the command `XSEEN` for the count, and `XTIMES` for `recipient time` lines, ended by a dot.
"""

import asyncio
import sys
import time
from typing import cast

import uvloop


class Sink(asyncio.Protocol):
    """One connection."""

    seen: dict[str, float] = {}  # noqa: RUF012  shared by all connections on purpose
    messages = 0

    def __init__(self) -> None:
        self._buffer = b""
        self._recipient = ""
        self._in_data = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop registers none of its own
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            piece, found, rest = self._buffer.partition(end)
            if not found:
                break
            self._buffer = rest
            if self._in_data:
                self._in_data = False
                Sink.messages += 1
                Sink.seen.setdefault(self._recipient, time.time())
                answers.append(b"250 ok\r\n")
            else:
                answers.append(self._command(piece))
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        elif verb == b"DATA":
            self._in_data = True
            return b"354 go\r\n"
        elif line == b"XSEEN":
            return b"250 %d %d\r\n" % (len(Sink.seen), Sink.messages)
        elif line == b"XTIMES":
            return "".join(f"{who} {at}\r\n" for who, at in Sink.seen.items()).encode() + b".\r\n"
        elif verb == b"QUIT":
            return b"221 bye\r\n"
        return b"250 ok\r\n"


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=256)
    await server.serve_forever()


async def ask(port: int, command: str) -> list[str]:
    """Ask a running sink; answers its lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    await reader.readline()
    writer.write(command.encode() + b"\r\n")
    lines = []
    while True:
        line = (await reader.readline()).decode().strip()
        if line == "." or not line:
            break
        lines.append(line)
        if command == "XSEEN":
            break
    writer.close()
    return lines


async def seen(port: int) -> int:
    """How many different recipients got their first message."""
    return int((await ask(port, "XSEEN"))[0].split()[1])


async def times(port: int) -> dict[str, float]:
    """Recipient → when its first message arrived, in seconds since the epoch."""
    return {who: float(at) for who, at in (line.split() for line in await ask(port, "XTIMES"))}


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
