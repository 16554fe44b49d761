"""Rows 30 to 33: full disks, each a small one of its own (tmpfs, so these rows need root)."""

from __future__ import annotations

import time
from pathlib import Path

from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.row import row
from tests.support.world import World, wait_for


def disk(world: World, name: str) -> Path:
    """The folder of a small disk."""
    return world.home.parents[1] / name


class Ballast:
    """Fills the disk of a folder to its last byte until the block ends."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ballast"

    def __enter__(self) -> Ballast:
        with self._file.open("wb", buffering=0) as out:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        out.write(b"\0" * size)
                except OSError:
                    continue
        return self

    def __exit__(self, *_: object) -> None:
        self._file.unlink(missing_ok=True)


@row("30-31", "disk of Postgres full: data and write-ahead log", place="small disks", seconds=45)
def postgres_full(world: World) -> str:
    server = world.servers.server
    with load(world, rate=10) as seen:
        time.sleep(2)
        with Ballast(disk(world, "postgres")):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                answer = world.http.get(f"{world.url('intake')}/livez")
                assert answer.status_code == 200
                time.sleep(0.5)
        if not server.is_ready():  # the log itself was full: the server shuts down rather than lie (53100, then PANIC)
            server.stop()
            server.start()
    all_told(world, seen, 120)
    return f"{len(seen.accepted)} filed, none lost; longest wait {seen.waited:.1f} s"


@row("32", "disk of Kafka full", place="small disks", seconds=45)
def kafka_full(world: World) -> str:
    with load(world, rate=10) as seen:
        time.sleep(2)
        with Ballast(disk(world, "kafka")):
            time.sleep(12)
            meanwhile = len(seen.accepted)
        world.broker.stop()  # a broker whose log folder failed does not come back by itself
        world.broker.start()
    all_told(world, seen, 120)
    return f"intake accepted {meanwhile} meanwhile; all told after the restart of the broker"


@row("33", "disk of the services' own logs full", place="small disks", seconds=25)
def logs_full(world: World) -> str:
    with load(world, rate=10) as seen:
        time.sleep(1)
        with Ballast(disk(world, "home")):
            time.sleep(8)
            meanwhile = len(seen.accepted)
    all_told(world, seen, 60)
    assert meanwhile > 20, f"only {meanwhile} were accepted with a full log disk"
    wait_for(lambda: world.http.get(f"{world.url('router')}/readyz").status_code == 200, "router is ready")
    return f"{meanwhile} accepted while nothing could be logged"
