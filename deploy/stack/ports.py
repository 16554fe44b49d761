"""Which part of the stack listens where, and who is in the way."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

#: Linux hands out ephemeral ports from here on; a reconnecting client can steal a server's port there (TCP
#: self-connect), so that its restart fails.
FIRST_EPHEMERAL = 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of one stack, all derived from one number."""

    base: int
    intake: int
    router: int
    sla: int
    notifier: int
    mail: int
    traces: int
    smtp: int
    kafka_controller: int
    kafka: int
    postgres: int

    @classmethod
    def at(cls, base: int) -> Ports:
        """Return the ports that belong to `base` (8100 gives intake 8101 and so on)."""
        return cls(
            base=base,
            intake=base + 1,
            router=base + 2,
            sla=base + 3,
            notifier=base + 4,
            mail=base + 5,
            traces=base + 6,
            smtp=base + 7,
            kafka_controller=base + 8,
            kafka=base + 9,
            postgres=base + 10,
        )

    def ops(self, service: str) -> int:
        """The operators' port of a service: metrics and the API's document."""
        return int(getattr(self, service)) + 10


def is_free(port: int) -> bool:
    """Say whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Find free ports below the ephemeral range, for servers that tests start and restart.

    Ports are drawn at random so that test runs beside each other rarely meet.
    """
    found: list[int] = []
    draw = random.SystemRandom()
    while len(found) < count:
        port = draw.randrange(12_000, FIRST_EPHEMERAL - 1_000)
        if port not in found and is_free(port):
            found.append(port)
    return found


def free_base() -> int:
    """Find a port base whose fourteen ports are all free, for a second stack beside a running one."""
    draw = random.SystemRandom()
    while True:
        base = draw.randrange(600, 1_550) * 20
        if all(is_free(base + offset) for offset in range(1, 15)):
            return base


def holder_of(port: int) -> str:
    """Name the process that listens on `port`, as far as this user may know: `pid 12 (java)` or `unknown`."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "an unknown process"
    for connection in connections:
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
            try:
                return f"pid {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return "a process of another user"
