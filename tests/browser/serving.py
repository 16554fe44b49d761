"""A service that answers a browser: in this process, in a thread and event loop of its own, without Kafka."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from shared.runtime.service import Service

_SECONDS = 20


class _Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._announce = started.set

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


@contextmanager
def served(service: Service, *tasks: str) -> Iterator[Service]:
    """Serve on `service.settings.http_port` with its database and the background tasks named; no relay, no consumer."""

    async def open_and_start() -> list[asyncio.Task[None]]:
        await service.database.open()
        stop = asyncio.Event()
        return [asyncio.create_task(service._tasks[name](stop)) for name in tasks]

    async def finish(running: Sequence[asyncio.Task[None]]) -> None:
        for end in service._finishers:
            await end()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await service.database.close()

    with _thread(service.app, service.settings.http_port, open_and_start, finish):
        yield service


@contextmanager
def served_app(app: FastAPI, port: int) -> Iterator[None]:
    """Serve a bare application, such as the specimen of the look."""

    async def nothing(_: object = None) -> None:
        return None

    with _thread(app, port, nothing, nothing):
        yield


@contextmanager
def _thread(app: FastAPI, port: int, begin, end) -> Iterator[None]:  # type: ignore[no-untyped-def]
    started = threading.Event()
    server = _Announcing(
        uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", log_config=None, access_log=False), started
    )
    failures: list[BaseException] = []

    async def life() -> None:
        begun = await begin()
        await server._serve()
        await end(begun)

    def target() -> None:
        try:
            asyncio.run(life())
        except BaseException as error:
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    assert started.wait(_SECONDS), "the server did not start"
    if failures:
        raise failures[0]
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_SECONDS)
    assert not thread.is_alive(), "the server did not stop"
    if failures:
        raise failures[0]
