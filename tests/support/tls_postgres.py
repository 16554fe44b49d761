"""A door before Postgres that speaks TLS only, since the server of the wheel is built without: whoever gets in has TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.support.secure_broker import Certificates

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class TlsDoor:
    """Listens on a free port of 127.0.0.1 in a thread of its own, and hands what it decrypts to a Postgres.

    Attributes:
        refused: Connections that did not ask for TLS.
        taken: Connections that spoke it.
    """

    def __init__(self, postgres: str, certificates: Certificates) -> None:
        parts = urlsplit(postgres)
        self._behind = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._authority = certificates.authority
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.server_key)
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self.refused = 0
        self.taken = 0
        self.port = 0
        self._thread = threading.Thread(target=self._run, name="tls-door", daemon=True)

    def start(self) -> None:
        """Open it."""
        self._thread.start()
        self._started.wait(10)

    def stop(self) -> None:
        """Close it and everything that goes through."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def url(self, dsn: str, authority: Path | None = None) -> str:
        """The same database through this door; the server's name and certificate are checked."""
        parts = urlsplit(dsn)
        user, _, _ = parts.netloc.rpartition("@")
        query = f"sslmode=verify-full&sslrootcert={authority or self._authority}"
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{self.port}", query=query))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) != _SSL_REQUEST:
                self.refused += 1
                writer.close()
                return
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self._context)
            self.taken += 1
            behind_reader, behind_writer = await asyncio.open_connection(*self._behind)
            await asyncio.gather(_pump(reader, behind_writer), _pump(behind_reader, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()
