"""Zipkin as the trace viewer: the published slim server, spans kept in memory."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy.stack.java import Java
from deploy.stack.process import ProcessSpec, Server, plain_environment


class TraceViewer(Server):
    """A Zipkin on 127.0.0.1:`port`; page at `/zipkin/`, spans to `/api/v2/spans`."""

    def __init__(self, home: Path, port: int, *, java: Java, jar: Path) -> None:
        super().__init__()
        self._home = home.absolute()
        self._port = port
        self._java = java
        self._jar = jar

    @property
    def web_url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self._port}/zipkin/"

    @property
    def spans_url(self) -> str:
        """Where services send."""
        return f"http://127.0.0.1:{self._port}/api/v2/spans"

    def spec(self) -> ProcessSpec:
        """Run in the foreground, quietly; 50,000 spans stay in memory."""
        return ProcessSpec(
            name="traces",
            argv=(
                *(str(self._java.path), "-Xms32m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                *("-Djava.awt.headless=true", "-jar", str(self._jar), "--spring.main.lazy-initialization=true"),
                # Without the first of these it would listen on every network of the machine.
                *("--armeria.ports[0].ip=127.0.0.1", f"--armeria.ports[0].port={self._port}"),
                *("--armeria.ports[0].protocols=http", f"--server.port={self._port}"),
            ),
            env=plain_environment(MEM_MAX_SPANS="50000", SELF_TRACING_ENABLED="false"),
            log=self._home / "logs" / "traces.log",
            cwd=self._home,
            grace=5.0,
        )

    def is_ready(self) -> bool:
        """Ask its health page."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}/health", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False
