"""One operating system process of the stack: how it is started, watched and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast
from urllib.request import urlopen

from deploy.stack.errors import StackError

_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """How to run one process; data only, so that a supervisor in another process can run it.

    Attributes:
        name: The name people see in `redress status`.
        argv: The command; the first item is an absolute path.
        env: The whole environment, nothing is inherited.
        log: File that receives standard output and error.
        cwd: Working folder.
        stop_signal: Asks for an orderly stop.
        grace: Seconds until SIGKILL after that.
        user: Run as this user and group, when we are root and the command refuses to be.
        handed: Files and folders that this user may be unable to reach by name; wherever a path of them stands in
            `argv`, the open file is handed over instead. They belong to the user.
        nice: Steps of lower priority, for what nobody waits for.
        health: Address that answers 200 while the process is well; one that hangs is killed, and so restarted.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path
    cwd: Path
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    user: tuple[int, int] | None = None
    handed: tuple[str, ...] = ()
    nice: int = 0
    health: str = ""

    def command(self, *, die_with_parent: bool = False, held_by: int | None = None) -> list[str]:
        """Return the full command line, through the launcher where one is needed."""
        if self.user is None and not self.nice and not die_with_parent and held_by is None:
            return list(self.argv)
        launch = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        if self.user is not None:
            launch += ["--user", str(self.user[0]), "--group", str(self.user[1])]
            launch += [option for path in self.handed for option in ("--hand-over", path)]
        if die_with_parent:
            launch.append("--die-with-parent")
        if held_by is not None:
            launch += ["--held-by", str(held_by)]
        if self.nice:
            launch += ["--nice", str(self.nice)]
        return [*launch, "--", *self.argv]

    def spawn(self, *, die_with_parent: bool = False) -> subprocess.Popen[bytes]:
        """Start the process in a session of its own, so that Ctrl-C in a terminal does not reach it."""
        return self._spawn(self.command(die_with_parent=die_with_parent))

    def spawn_held(self) -> tuple[subprocess.Popen[bytes], Callable[[], None]]:
        """Start a process that becomes the command when the function is called, and ends if we end before."""
        held, release = os.pipe()
        try:
            process = self._spawn(self.command(held_by=held), (held,))
        except OSError:
            os.close(release)
            raise
        finally:
            os.close(held)

        def let_go() -> None:
            with contextlib.suppress(BrokenPipeError):  # it was killed meanwhile
                os.write(release, b"\n")
            os.close(release)

        return process, let_go

    def _spawn(self, command: list[str], passed: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open_private(self.log) as log:
            return subprocess.Popen(
                command,
                env=dict(self.env),
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=passed,
            )


def open_private(log: Path) -> BinaryIO:
    """Open a log to be appended to, readable by its owner alone; one from an earlier release becomes so."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return cast(BinaryIO, os.fdopen(descriptor, "ab", buffering=0))


class Server:
    """A process that runs as long as this object's owner wants it; what tests use.

    A server knows how to lay out its files (`prepare`), how it is run (`spec`) and when it answers (`is_ready`).
    """

    #: Seconds within which the server must answer.
    patience = 30.0

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Lay out files on disk; does nothing when they are there."""

    def spec(self) -> ProcessSpec:
        """Say how the server is run."""
        raise NotImplementedError

    def configuration(self) -> str:
        """What `prepare` writes into files and the command line does not show; another text means: restart it."""
        return ""

    def is_ready(self) -> bool:
        """Say whether the server answers requests now."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process id while running."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Prepare, start and wait until ready.

        Raises:
            StackError: The process ended or did not answer in time; carries the last line of its log.
        """
        self.prepare()
        spec = self.spec()
        self._process = spec.spawn(die_with_parent=True)
        wait_until(self.is_ready, spec, alive=lambda: self._process is None or self._process.poll() is None)

    def stop(self) -> None:
        """Stop in order, then by force; harmless when not running."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        spec = self.spec()
        process.send_signal(spec.stop_signal)
        try:
            process.wait(spec.grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill with SIGKILL, as a power cut or the kernel would; `start` brings it back with its data."""
        process, self._process = self._process, None
        assert process is not None, "not started"
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool], spec: ProcessSpec, *, alive: Callable[[], bool], patience: float = Server.patience
) -> None:
    """Wait until `ready` holds.

    Raises:
        StackError: The process died before, or time ran out.
    """
    deadline = time.monotonic() + patience
    while not ready():
        if not alive():
            raise StackError(f"{spec.name} ended at once: {last_line(spec.log)}", f"The whole story is in {spec.log}")
        if time.monotonic() > deadline:
            raise StackError(
                f"{spec.name} did not answer within {patience:.0f} s: {last_line(spec.log)}",
                f"The whole story is in {spec.log}",
            )
        time.sleep(_POLL)


def is_well(url: str, timeout: float = 1.0) -> bool:
    """Say whether a GET of this address is answered with 200 in time."""
    try:
        with urlopen(url, timeout=timeout) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except OSError:
        return False


def last_line(log: Path) -> str:
    """Return the last line with text of a log file, at most 300 characters."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "no log"
    found = next((line.strip() for line in reversed(lines) if line.strip()), "empty log")
    return _message(found)[:300]


def _message(line: str) -> str:
    """Services log JSON; what a person wants of it is the message and the error."""
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if not isinstance(told, dict) or "message" not in told:
        return line
    rest = next((str(told[key]) for key in ("why", "error", "exception") if told.get(key)), "")
    return f"{told['message']}: {rest}" if rest else str(told["message"])


#: What a child may need from the shell that started us. Everything else stays outside, so that a stack started from
#: another shell is the same stack.
_PASSED_ON = ("HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


def plain_environment(**extra: str) -> dict[str, str]:
    """Return a small environment for a child: a few of our variables, a neutral locale, and `extra`."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUTF8": "1", **kept, **extra}
