"""A TCP proxy before Postgres that cuts the connection between a COMMIT and its answer."""

from __future__ import annotations

import asyncio
import threading


class CommitCutter:
    """Every `every`-th COMMIT reaches the server, and its answer reaches nobody."""

    def __init__(self, host: str, port: int, *, every: int) -> None:
        self._host, self._port, self._every = host, port, every
        self._commits = 0
        self.cuts = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> CommitCutter:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        cut = asyncio.Event()

        async def forward() -> None:
            while data := await reader.read(65_536):
                if b"COMMIT" in data:
                    self._commits += 1
                    if self._commits % self._every == 0:
                        cut.set()
                far_writer.write(data)
            far_writer.close()

        async def back() -> None:
            while data := await far_reader.read(65_536):
                if cut.is_set():  # the server has committed and says so: nobody hears it
                    self.cuts += 1
                    break
                writer.write(data)
            writer.close()
            far_writer.close()

        await asyncio.gather(forward(), back(), return_exceptions=True)
