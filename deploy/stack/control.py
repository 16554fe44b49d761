"""How commands start, inform and stop the supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from deploy.stack.errors import StackError
from deploy.stack.process import last_line, open_private, plain_environment
from deploy.stack.record import Identity, Planned, RunFolder, digest
from deploy.stack.settings import CHECKOUT
from deploy.stack.supervisor import Supervisor, code_fingerprint

_START_PATIENCE = 10.0
#: Longer than all graces of one orderly stop together.
_STOP_PATIENCE = 165.0


class Control:
    """The way to the supervisor of one state folder."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def supervisor(self) -> Identity | None:
        """The supervisor, if one lives."""
        found = self.run.read_status().supervisor
        return found if found is not None and found.is_alive() else None

    def is_current(self) -> bool:
        """Say whether the supervisor that lives runs the code that is on disk."""
        return self.supervisor() is not None and self.run.read_status().code == code_fingerprint()

    def alive(self) -> dict[str, Identity]:
        """The processes that live, supervised or left over."""
        processes = self.run.read_status().processes.values()
        return {p.name: p.identity for p in processes if p.identity is not None and p.identity.is_alive()}

    def ensure_supervisor(self) -> Identity:
        """Start a supervisor that outlives this terminal, unless there is one; returns it.

        Raises:
            StackError: It does not come up.
        """
        found = self.supervisor()
        if found is not None:
            return found
        log = self.run.home / "logs" / "supervisor.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open_private(log) as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.stack.supervisor", str(self.run.home)],
                cwd=CHECKOUT,
                env=plain_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_PATIENCE
        while (found := self.supervisor()) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"The supervisor does not start: {last_line(log)}", f"The whole story is in {log}")
            time.sleep(0.02)
        # It is not our child in spirit: it lives on when this command ends.
        process.returncode = 0
        return found

    def follow(self, plan: Sequence[Planned]) -> None:
        """Make the supervisor run exactly this; returns once it began to."""
        if not self.is_current():
            self._replace_supervisor()
        self.run.write_plan(plan)
        running = self.supervisor()
        if running is not None:
            os.kill(running.pid, signal.SIGHUP)
        supervisor = running or self.ensure_supervisor()
        wanted = {planned.spec.name: digest(planned) for planned in plan}
        deadline = time.monotonic() + _STOP_PATIENCE
        while {name: record.digest for name, record in self.run.read_status().processes.items()} != wanted:
            if time.monotonic() > deadline or not supervisor.is_alive():
                raise StackError("The supervisor does not follow", "Try `make down`, then `make up`")
            time.sleep(0.02)

    def _replace_supervisor(self) -> None:
        """End a supervisor of another version, which might not understand the plan; what it runs goes on."""
        old = self.supervisor()
        if old is None:
            return
        os.kill(old.pid, signal.SIGKILL)
        deadline = time.monotonic() + _START_PATIENCE
        while old.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self, report: Callable[[str], None]) -> bool:
        """Stop everything in order, also what a killed supervisor left behind. Says whether anything ran."""
        supervisor = self.supervisor()
        if supervisor is not None:
            self._stop_through(supervisor, report)
            return True
        left = self.alive()
        if not left:
            self.run.status_file.unlink(missing_ok=True)
            return False
        lock = self.run.take_lock("supervisor")
        if lock is None:
            raise StackError("A supervisor is just starting", "Try again in a moment")
        with lock:
            report(f"The supervisor is gone; stopping what it left: {', '.join(sorted(left))}")
            deputy = Supervisor(self.run)
            deputy.adopt()
            deputy.stop(list(deputy.children))
            self.run.status_file.unlink(missing_ok=True)
        return True

    def _stop_through(self, supervisor: Identity, report: Callable[[str], None]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_PATIENCE
        seen: set[str] = set()
        going = set(self.alive())
        while supervisor.is_alive():
            stopped = {p.name for p in self.run.read_status().processes.values() if p.state == "stopped"}
            for name in sorted(stopped - seen):
                report(f"stopped {name}")
            seen |= stopped
            if time.monotonic() > deadline:
                raise StackError(
                    f"The supervisor (pid {supervisor.pid}) does not stop",
                    f"Look at {self.run.home / 'logs' / 'supervisor.log'}, then kill it and run `make down` again",
                )
            time.sleep(0.05)
        for name in sorted(going - seen):
            report(f"stopped {name}")
