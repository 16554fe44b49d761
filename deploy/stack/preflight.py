"""What must hold before anything is started; each failure is one clear line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from deploy.stack.errors import StackError
from deploy.stack.ports import Ports, holder_of, is_free

OLDEST_PYTHON = (3, 11)
_MEGABYTE = 1024 * 1024


def check_python() -> None:
    """Refuse a Python that is too old."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise StackError(f"Redress needs Python 3.11 or newer, this is {found}", "Use PYTHON=python3.11 make up")


def check_disk(folders: Mapping[str, Path], needed_mb: int) -> None:
    """Refuse to start on a disk that is nearly full: a full one stops Postgres in the middle of work.

    Args:
        folders: The variable that moves a folder → the folder.
        needed_mb: Megabytes that must be free.
    """
    for setting, folder in folders.items():
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(existing).free // _MEGABYTE
        if free < needed_mb:
            raise StackError(
                f"The disk of {folder} has {free} MB left, {needed_mb} MB are needed",
                f"Free some space, or move the folder with {setting}",
            )


def check_ports(wanted: Mapping[str, int], ours: Iterable[int]) -> None:
    """Refuse when somebody else listens where we want to.

    Args:
        wanted: What → port.
        ours: Ids of our own processes, which may stay.
    """
    taken = {what: port for what, port in wanted.items() if not is_free(port)}
    if not taken:
        return
    mine = _ports_of(ours)
    for what, port in taken.items():
        if port not in mine:
            raise StackError(
                f"Port {port} (for {what}) is taken by {holder_of(port)}",
                "Stop it, or move all ports of Redress with REDRESS_PORT_BASE (default 8100; ports base+1 to base+14)",
            )


def wanted_ports(ports: Ports, *, kafka: bool, postgres: bool, mail: bool, traces: bool) -> dict[str, int]:
    """The ports that will be listened on, without the parts that somebody else provides."""
    wanted = {"intake": ports.intake, "router": ports.router, "sla": ports.sla, "notifier": ports.notifier}
    wanted |= {f"{name}'s metrics": ports.ops(name) for name in ("intake", "router", "sla", "notifier")}
    if mail:
        wanted |= {"the mail catcher's page": ports.mail, "the mail catcher": ports.smtp}
    if traces:
        wanted["the trace viewer"] = ports.traces
    if kafka:
        wanted |= {"Kafka": ports.kafka, "Kafka's controller": ports.kafka_controller}
    if postgres:
        wanted["Postgres"] = ports.postgres
    return wanted


def _ports_of(pids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections(kind="tcp")
        except psutil.Error:
            continue
        found |= {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}
    return found
