"""Intake as a process of its own, which a test may kill at a named point."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from deploy.stack.ports import free_ports
from tests.support.stack import Database, environment_without_servers

_RUN = """
import os, signal, sys
from services.intake.app import build
from services.intake.settings import Settings
from shared.runtime import entry

point = sys.argv[1]

def reached(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)

raise SystemExit(entry.main("intake", Settings, build, arguments=["serve"], reached=reached))
"""


class IntakeProcess:
    """`python -m services.intake`, dying by SIGKILL when it reaches `crash_at`."""

    def __init__(self, database: Database, folder: Path, *, kafka: str = "127.0.0.1:1") -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._environment = environment_without_servers() | {
            "DATABASE_URL": database.url_of("intake"),
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "MASTER_KEY_FILE": str(folder / "master.key"),
            "SESSION_KEY_FILE": str(folder / "session.key"),
            "HTTP_PORT": str(port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, crash_at: str = "never") -> None:
        """Start and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN, crash_at], env=self._environment, cwd=Path(__file__).parents[3],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/livez", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                assert self._process.poll() is None, f"intake ended with {self._process.returncode}"
        raise AssertionError("intake does not answer")

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it and answer its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, how)
        return self._process.wait(20)

    async def wait(self) -> int:
        """The exit code, once it ended by itself."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, 20)
