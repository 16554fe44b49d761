"""What the supervisor and the commands tell each other, as files in `.redress/run/`.

`plan.json` says what shall run, `status.json` what runs. Both are replaced atomically; both are private, because the
environment of a service holds its database password.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

import psutil  # type: ignore[import-untyped]

from deploy.stack.process import ProcessSpec

State = Literal["running", "restarting", "stopped"]

#: Two processes with the same id are told apart by their start time; the kernel's clock ticks allow this much error.
_SAME_START = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A process that shall run.

    Attributes:
        spec: How.
        tier: Stopped in falling order: services (2) before brokers and mail (1) before the database (0).
        fingerprint: Changes when the code or the configuration file behind it changes, so that a second `make up`
            restarts what is stale.
        started_as: The digest under which it was started, for a process that shall go on as it is, whatever version of
            Redress started it.
    """

    spec: ProcessSpec
    tier: int
    fingerprint: str = ""
    started_as: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same id."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this id now, unless it is dead."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid, process.create_time())
        except psutil.Error:
            return None

    def is_alive(self) -> bool:
        """Say whether exactly this process still lives."""
        now = Identity.of(self.pid)
        return now is not None and abs(now.created - self.created) < _SAME_START


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What is known about one process.

    Attributes:
        name: As in `redress status`.
        identity: The process, while there is one.
        state: What it is doing.
        restarts: How often it was restarted since the stack came up.
        since: When it entered this state, ISO 8601.
        why: What ended it the last time, with its last words.
        digest: Of the plan it was started by.
        tier: Of that plan; here too, so that a process that no plan names any more can be stopped in order.
        stop_signal: Likewise.
        grace: Likewise, seconds.
    """

    name: str
    identity: Identity | None = None
    state: State = "stopped"
    restarts: int = 0
    since: str = ""
    why: str = ""
    digest: str = ""
    tier: int = 2
    stop_signal: int = signal.SIGTERM
    grace: float = 30.0

    @classmethod
    def of(cls, planned: Planned) -> Recorded:
        """The record of a process that was not started yet."""
        spec = planned.spec
        return cls(
            name=spec.name,
            digest=digest(planned),
            tier=planned.tier,
            stop_signal=int(spec.stop_signal),
            grace=spec.grace,
        )


@dataclass(slots=True, kw_only=True)
class Status:
    """The content of `status.json`.

    Attributes:
        supervisor: Who wrote it.
        code: Names the supervisor's code; another version's is replaced before it gets a plan it may not understand.
        processes: Name → what is known.
    """

    supervisor: Identity | None = None
    code: str = ""
    processes: dict[str, Recorded] = field(default_factory=dict)


class RunFolder:
    """The files in `.redress/run/`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "run"
        self.plan_file = self.folder / "plan.json"
        self.status_file = self.folder / "status.json"

    def write_plan(self, plan: Sequence[Planned]) -> None:
        """Say what shall run."""
        _replace(self.plan_file, [_planned_as_dict(planned) for planned in plan])

    def read_plan(self) -> list[Planned]:
        """What shall run; nothing when nobody said so."""
        return [_planned(entry) for entry in _read(self.plan_file) or []]

    def write_status(self, status: Status) -> None:
        """Say what runs."""
        supervisor = asdict(status.supervisor) if status.supervisor else None
        processes = [asdict(recorded) for recorded in status.processes.values()]
        _replace(self.status_file, {"supervisor": supervisor, "code": status.code, "processes": processes})

    def read_status(self) -> Status:
        """What ran when the supervisor last wrote; ask `Identity.is_alive` whether it still does."""
        raw = _read(self.status_file) or {}
        supervisor = Identity(**raw["supervisor"]) if raw.get("supervisor") else None
        processes = {}
        for entry in raw.get("processes", []):
            identity = Identity(**entry.pop("identity")) if entry.get("identity") else None
            entry.pop("identity", None)
            processes[entry["name"]] = Recorded(identity=identity, **_known(Recorded, entry))
        return Status(supervisor=supervisor, code=raw.get("code", ""), processes=processes)

    def take_lock(self, what: str) -> IO[bytes] | None:
        """Become the only one who does `what` to this stack; the lock goes with the process, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.folder / f"{what}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock


def digest(planned: Planned) -> str:
    """Name the plan of one process, to see whether it changed. A new setting that is not used changes nothing."""
    import hashlib

    if planned.started_as:
        return planned.started_as
    unused = {name: item.default for name, item in ProcessSpec.__dataclass_fields__.items()}
    said = _planned_as_dict(planned)
    said["spec"] = {name: value for name, value in said["spec"].items() if name not in unused or value != unused[name]}
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def timestamp() -> str:
    """Now, as it stands in the status."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _planned_as_dict(planned: Planned) -> dict[str, Any]:
    spec = asdict(planned.spec)
    spec.update(log=str(planned.spec.log), cwd=str(planned.spec.cwd), env=dict(planned.spec.env))
    as_it_is = {"started_as": planned.started_as} if planned.started_as else {}
    return {"spec": spec, "tier": planned.tier, "fingerprint": planned.fingerprint, **as_it_is}


def _planned(raw: dict[str, Any]) -> Planned:
    spec = raw["spec"]
    spec.update(log=Path(spec["log"]), cwd=Path(spec["cwd"]), argv=tuple(spec["argv"]))
    spec.update(user=tuple(spec["user"]) if spec["user"] else None, handed=tuple(spec.get("handed", ())))
    return Planned(
        spec=ProcessSpec(**_known(ProcessSpec, spec)),
        **_known(Planned, {name: raw[name] for name in raw if name != "spec"}),
    )


def _known(kind: type, raw: dict[str, Any]) -> dict[str, Any]:
    """Without what another version wrote and this one does not know: files outlive an upgrade."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in raw.items() if name in names}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _replace(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
    fresh.replace(path)
