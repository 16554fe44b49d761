"""Zipkin as the trace viewer: the published slim server, spans kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deploy.stack.java import Java
from deploy.stack.process import ProcessSpec, Server, is_well, plain_environment

_JVM = (
    *("-Xms32m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"),
    # Out of memory it would hang on; as an end it is seen and mended.
    "-XX:+ExitOnOutOfMemoryError",
)
#: What fits beside a search over all of it: about 1,500 complaints. Measured: 100,000 spans sent, searched meanwhile.
MOST_SPANS = 20_000
#: Nobody waits for the viewer while services start beside it.
_NICE = 10


class TraceViewer(Server):
    """A Zipkin on 127.0.0.1:`port`; page at `/zipkin/`, spans to `/api/v2/spans`.

    Args:
        home: The state folder.
        port: Where it listens.
        java: The JVM to run on.
        jars: The class path in order.
        archives: Folder with class-data archives; may be empty.
    """

    patience = 60.0

    def __init__(self, home: Path, port: int, *, java: Java, jars: Sequence[Path], archives: Path) -> None:
        super().__init__()
        self._home = home.absolute()
        self._port = port
        self._java = java
        self._jars = tuple(jars)
        #: Where the class-data archive for exactly this JVM and class path belongs.
        self.archive = java.archive_of("traces", self._jars, archives)

    @property
    def web_url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self._port}/zipkin/"

    @property
    def spans_url(self) -> str:
        """Where services send."""
        return f"http://127.0.0.1:{self._port}/api/v2/spans"

    @property
    def _health(self) -> str:
        return f"http://127.0.0.1:{self._port}/health"

    def spec(self) -> ProcessSpec:
        """Run in the foreground, quietly; the newest spans stay in memory. An archive that is not there does no harm."""
        return ProcessSpec(
            name="traces",
            argv=self._command(*self._java.archive_flags(self.archive)),
            env=plain_environment(MEM_MAX_SPANS=str(MOST_SPANS), SELF_TRACING_ENABLED="false"),
            log=self._home / "logs" / "traces.log",
            cwd=self._home,
            grace=5.0,
            nice=_NICE,
            health=self._health,
        )

    def training_spec(self, archive: Path) -> ProcessSpec:
        """Run once to write `archive`: that happens in the orderly stop and takes several seconds of one core."""
        return replace(self.spec(), argv=self._command(self._java.training_flag(archive)), grace=120.0, nice=0)

    def is_ready(self) -> bool:
        """Ask its health page."""
        return is_well(self._health)

    def _command(self, *flags: str) -> tuple[str, ...]:
        return (
            *(str(self._java.path), *_JVM, *flags),
            *("-cp", ":".join(str(jar) for jar in self._jars), "zipkin.server.ZipkinServer"),
            "--spring.main.lazy-initialization=true",
            # Without the first of these it would listen on every network of the machine.
            *("--armeria.ports[0].ip=127.0.0.1", f"--armeria.ports[0].port={self._port}"),
            *("--armeria.ports[0].protocols=http", f"--server.port={self._port}"),
            # Its own pages alone may read traces in a browser; the default is every page there is.
            f"--zipkin.query.allowed-origins=http://127.0.0.1:{self._port}",
        )
