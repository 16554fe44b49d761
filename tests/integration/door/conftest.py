"""The real server of each service on a real socket, with a route that notes what reaches the application."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from deploy.stack.ports import free_ports

SERVICES = ("intake", "router", "sla", "notifier")
POLICIES = Path(__file__).parents[3] / "deploy" / "policies"


@dataclass
class Open:
    """A service that listens; `ran` is what its application was asked, in order."""

    port: int
    ran: list[tuple[str, str, bytes]] = field(default_factory=list)
    addresses: list[str | None] = field(default_factory=list)

    async def connect(self) -> Line:
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, raw: bytes, *more: bytes, pause: float = 0.02) -> list[tuple[int, bytes, bytes]]:
        """Send pieces, each in a packet of its own, and read every answer until the server closes or falls silent."""
        line = await self.connect()
        try:
            return await line.talk(raw, *more, pause=pause)
        finally:
            line.close()


class Line:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.closed = False

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def talk(self, *pieces: bytes, pause: float = 0.02) -> list[tuple[int, bytes, bytes]]:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(pause)  # a packet of its own is what is tried here, so time is the condition
            await self.send(piece)
        answers = []
        while (answer := await self.answer()) is not None:
            answers.append(answer)
        return answers

    async def answer(self, seconds: float = 0.5) -> tuple[int, bytes, bytes] | None:
        """Status, head and body of the next answer; None when the server closed or says nothing more."""
        try:
            async with asyncio.timeout(seconds):
                head = await self.reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return None
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            return None
        status = int(head.split(b" ", 2)[1])
        if status < 200:
            return status, head, b""
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        return status, head, await self.reader.readexactly(length)

    async def wait_closed(self, seconds: float) -> bool:
        """Whether the server closes within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while await self.reader.read(65_536):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.writer.close()


Opening = Callable[..., AbstractAsyncContextManager[Open]]


@pytest.fixture
def opened(tmp_path: Path) -> Opening:
    """Opens a service: `async with opened("router", http_head_seconds=1) as door`. Nothing behind it is there."""
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))

    @asynccontextmanager
    async def begin(name: str = "sla", **changes: Any) -> AsyncIterator[Open]:
        (port,) = free_ports(1)
        settings = importlib.import_module(f"services.{name}.settings").Settings(
            database_url="postgresql://nobody@127.0.0.1:1/none", kafka_bootstrap_servers="127.0.0.1:1",
            master_key_file=key, session_key_file=key, policies_dir=POLICIES, http_port=port, **changes,
        )  # fmt: skip
        service = importlib.import_module(f"services.{name}.app").build(settings)
        door = Open(port)
        service.app.add_route("/probe/{name}", _noting(door), methods=["GET", "POST", "PUT"])
        server = service._server()
        serving = asyncio.create_task(server._serve())
        async with asyncio.timeout(20):
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
        try:
            yield door
        finally:
            server.should_exit = True
            await serving

    return begin


def _noting(door: Open) -> Callable[[Request], Any]:
    async def note(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        name = request.path_params["name"]
        door.ran.append((request.method, name, body))
        door.addresses.append(request.client.host if request.client else None)
        return JSONResponse({"name": name, "size": len(body)})

    return note
