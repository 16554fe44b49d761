"""Keeps the processes of the stack running: one small daemon per state folder.

It starts what `plan.json` names, restarts what dies after a growing pause, says in `status.json` how often and why,
and stops everything in order on SIGTERM. SIGHUP makes it read the plan again. When the supervisor itself is killed its
children go on; the next one adopts them, which is why they write to their log files themselves and not to us.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from deploy.stack.process import ProcessSpec, is_well, last_line
from deploy.stack.record import Identity, Planned, Recorded, RunFolder, Status, digest, timestamp
from deploy.stack.services import fingerprint

#: Seconds before the first, second, ... restart in a row.
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
#: A process that ran so long was fine: its next restart comes without delay again.
STABLE = 60.0
_HOUSEKEEPING = 15.0
#: Somebody else's child cannot be waited for, so an adopted one is looked at this often.
_ADOPTED = 0.5
#: Seconds between two questions whether a process is well, and for one answer.
_ASKED = 5.0
#: So many questions in a row without an answer, and it is killed: a minute.
_UNANSWERED = 12
_LOG_LIMIT = 10 * 1024 * 1024
_LOG_KEPT = 3
_KILLED = "killed by SIGKILL"


@dataclass(slots=True, kw_only=True)
class _Child:
    planned: Planned
    record: Recorded
    process: subprocess.Popen[bytes] | None = None
    in_a_row: int = 0
    started: float = 0.0
    due: float | None = None
    asked: float = 0.0
    asking: bool = False
    unanswered: int = 0

    def ask(self) -> None:
        """Ask whether it is well; in a thread, because what hangs would hold everybody up."""
        if not is_well(self.planned.spec.health, _ASKED):
            self.unanswered += 1
        else:
            self.unanswered = 0
        self.asking = False

    def is_dead(self) -> bool:
        """Say whether it ran and ended."""
        if self.record.identity is None:
            return False
        if self.process is not None:
            return self.process.poll() is not None
        return not self.record.identity.is_alive()


@dataclass(slots=True)
class Supervisor:
    """The state of one run; `serve` is its life."""

    run: RunFolder
    children: dict[str, _Child] = field(default_factory=dict)
    status: Status = field(default_factory=Status)

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT, then stop everything in order."""
        wake, signals = _signals()
        self.status.supervisor = Identity.of(os.getpid())
        self.status.code = code_fingerprint()
        self.adopt()
        self.follow_plan()
        next_housekeeping = time.monotonic()
        while True:
            received = _wait(wake, signals, self._patience())
            if received & {signal.SIGTERM, signal.SIGINT}:
                break
            if signal.SIGHUP in received:
                self.follow_plan()
            self.look_after()
            if time.monotonic() >= next_housekeeping:
                self._rotate_logs()
                next_housekeeping = time.monotonic() + _HOUSEKEEPING
        self.stop(list(self.children))
        self.run.status_file.unlink(missing_ok=True)

    def adopt(self) -> None:
        """Take over what a killed supervisor left running; what ended since is started again by `look_after`.

        What runs and is in no plan any more is taken over too, so that `follow_plan` stops it: the plan may have changed
        while nobody looked after it.
        """
        before = self.run.read_status()
        plans = {planned.spec.name: planned for planned in self.run.read_plan()}
        for name, record in before.processes.items():
            if record.identity is None or not (name in plans or record.identity.is_alive()):
                continue
            planned = plans[name] if name in plans else self._unplanned(record)
            self.children[name] = _Child(planned=planned, record=record, started=time.monotonic())
        self._publish()

    def _unplanned(self, record: Recorded) -> Planned:
        """What is left of the plan of a process that shall not run: how to stop it."""
        spec = ProcessSpec(
            name=record.name,
            argv=(),
            log=self.run.home / "logs" / f"{record.name}.log",
            cwd=self.run.home,
            stop_signal=record.stop_signal,
            grace=record.grace,
        )
        return Planned(spec=spec, tier=record.tier)

    def follow_plan(self) -> None:
        """Stop what is not wanted any more or differently, start what is missing."""
        wanted = {planned.spec.name: planned for planned in self.run.read_plan()}
        stale = [
            name
            for name, child in self.children.items()
            if name not in wanted or child.record.digest != digest(wanted[name])
        ]
        self.stop(stale)
        for name in stale:
            del self.children[name]
        for name, planned in wanted.items():
            if name not in self.children:
                self.children[name] = _Child(planned=planned, record=Recorded.of(planned))
                self._start(self.children[name])
        self._publish()

    def look_after(self) -> None:
        """Notice deaths, and start again what had its pause."""
        changed = False
        now = time.monotonic()
        for child in self.children.values():
            if child.is_dead():
                self._plan_restart(child, now)
                changed = True
            elif child.due is not None and now >= child.due:
                self._start(child)
                changed = True
            elif child.planned.spec.health and _lives(child):
                self._look_whether_well(child, now)
        if changed:
            self._publish()

    def _look_whether_well(self, child: _Child, now: float) -> None:
        if child.unanswered >= _UNANSWERED:
            _signal(child, signal.SIGKILL)
        elif not child.asking and now - child.asked >= _ASKED:
            child.asked, child.asking = now, True
            threading.Thread(target=child.ask, daemon=True).start()

    def stop(self, names: list[str]) -> None:
        """Stop these, the highest tier first; what does not go in its time is killed."""
        chosen = [self.children[name] for name in names]
        for tier in sorted({child.planned.tier for child in chosen}, reverse=True):
            going = [child for child in chosen if child.planned.tier == tier]
            for child in going:
                child.due = None
                _signal(child, child.planned.spec.stop_signal)
            deadline = time.monotonic() + max(child.planned.spec.grace for child in going)
            while any(_lives(child) for child in going) and time.monotonic() < deadline:
                time.sleep(0.02)
            for child in going:
                if _lives(child):
                    _signal(child, signal.SIGKILL)
                    if child.process is not None:
                        child.process.wait()
                _enter(child.record, "stopped")
                child.record.identity = None
            self._publish()

    def _start(self, child: _Child) -> None:
        child.due = None
        child.unanswered = 0
        child.started = time.monotonic()
        try:
            child.process, release = child.planned.spec.spawn_held()
        except OSError as error:
            child.record.why = f"{timestamp()} cannot be started: {error}"
            child.record.identity = None
            self._pause(child, time.monotonic())
            return
        child.record.identity = Identity.of(child.process.pid) or Identity(child.process.pid, time.time())
        _enter(child.record, "running")
        # It becomes the command only when it is on record: what we do not know when we are killed cannot be adopted.
        self._publish()
        release()

    def _plan_restart(self, child: _Child, now: float) -> None:
        ending = _ending(child.process.returncode) if child.process else "ended"
        if child.unanswered >= _UNANSWERED:
            ending = f"did not answer for {_ASKED * _UNANSWERED:.0f} s and was {_KILLED}"
        # Whoever is killed from outside has no last words.
        words = "" if ending.endswith(_KILLED) else f": {last_line(child.planned.spec.log)}"
        child.record.why = f"{timestamp()} {ending}{words}"
        child.record.identity = None
        child.process = None
        if now - child.started >= STABLE:
            child.in_a_row = 0
        self._pause(child, now)

    def _pause(self, child: _Child, now: float) -> None:
        child.due = now + PAUSES[min(child.in_a_row, len(PAUSES) - 1)]
        child.in_a_row += 1
        child.record.restarts += 1
        _enter(child.record, "restarting")

    def _patience(self) -> float:
        """Seconds to sleep at most: until the next restart, the next look at adopted ones, the next housekeeping."""
        due = [child.due - time.monotonic() for child in self.children.values() if child.due is not None]
        if any(child.process is None and child.record.identity for child in self.children.values()):
            due.append(_ADOPTED)
        if any(child.planned.spec.health for child in self.children.values()):
            due.append(_ASKED)
        return max(0.0, min([_HOUSEKEEPING, *due]))

    def _publish(self) -> None:
        self.status.processes = {name: child.record for name, child in self.children.items()}
        # A full disk must not take the supervisor down with it.
        with contextlib.suppress(OSError):
            self.run.write_status(self.status)

    def _rotate_logs(self) -> None:
        for child in self.children.values():
            with contextlib.suppress(OSError):
                rotate(child.planned.spec.log)


def code_fingerprint() -> str:
    """Name the supervisor's code as it is on disk now."""
    return fingerprint("deploy/stack")


def rotate(log: Path, limit: int = _LOG_LIMIT, kept: int = _LOG_KEPT) -> None:
    """Move a log's content aside when it is large; whoever writes it in append mode does not notice."""
    if not log.exists() or log.stat().st_size < limit:
        return
    for number in range(kept, 1, -1):
        older = log.with_name(f"{log.name}.{number - 1}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def _lives(child: _Child) -> bool:
    return child.record.identity is not None and not child.is_dead()


def _signal(child: _Child, number: int) -> None:
    if _lives(child) and child.record.identity is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.record.identity.pid, number)


def _enter(record: Recorded, state: str) -> None:
    record.state = "running" if state == "running" else "restarting" if state == "restarting" else "stopped"
    record.since = timestamp()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _signals() -> tuple[socket.socket, set[signal.Signals]]:
    """Turn signals into something to wait for together with a timeout, on every Unix."""
    received: set[signal.Signals] = set()
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda number, _frame: received.add(signal.Signals(number)))
    return reader, received


def _wait(wake: socket.socket, received: set[signal.Signals], timeout: float) -> set[signal.Signals]:
    select.select([wake], [], [], timeout)
    with contextlib.suppress(BlockingIOError):
        wake.recv(4096)
    taken = set(received)
    received -= taken
    return taken


def main() -> None:
    """`python -m deploy.stack.supervisor HOME`."""
    run = RunFolder(Path(sys.argv[1]))
    lock = run.take_lock("supervisor")
    if lock is None:
        raise SystemExit("another supervisor runs for this folder")
    with lock:
        Supervisor(run).serve()


if __name__ == "__main__":
    main()
