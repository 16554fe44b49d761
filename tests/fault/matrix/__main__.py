"""Runs the matrix: `python -m tests.fault.matrix [ROW …]`; prints the table row by row, exit code 1 when a row failed."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.fault.conftest import QUICK
from tests.fault.matrix import (  # noqa: F401  they enter rows
    clocks,
    disks,
    kafka,
    kills,
    policies,
    postgres,
    services,
    suites,
)  # fmt: skip
from tests.fault.matrix.row import ROWS, NotRun, Row
from tests.support.audited import violations
from tests.support.stack import Servers
from tests.support.world import World

LIMIT = 25 * 60.0
COMPRESSED = {**QUICK, "WATCHDOG_SECONDS": "15"}
_DISKS = {"postgres": "700m", "kafka": "300m", "home": "64m"}


def main() -> int:
    """Run the rows that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("rows", nargs="*", help="row numbers, such as 12 19 kills; default: all")
    parser.add_argument("--list", action="store_true", help="name the rows and do nothing")
    chosen = parser.parse_args()
    unknown = set(chosen.rows) - {row.number for row in ROWS}
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}; --list names them")
    rows = sorted((row for row in ROWS if not chosen.rows or row.number in chosen.rows), key=_place_in_table)
    if chosen.list:
        for row in rows:
            print(f"{row.number:>6}  {row.fault}  (about {row.seconds} s)")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped on the way out
    began = time.monotonic()
    print(
        f"{len(rows)} rows, about {sum(row.seconds for row in rows) // 60 + 1} minutes, at most {LIMIT / 60:.0f}",
        flush=True,
    )
    print(f"{'row':>6}  {'outcome':<8}{'s':>5}  fault: what was seen", flush=True)
    failed = 0
    for place in dict.fromkeys(row.place for row in rows):
        failed += _run_in(place, [row for row in rows if row.place == place], began)
    print(f"{len(rows) - failed} of {len(rows)} rows hold, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


def _place_in_table(row: Row) -> tuple[int, str]:
    digits = "".join(c for c in row.number.partition("-")[0] if c.isdigit())
    return (int(digits) if digits else 1_000, row.number)


def _run_in(place: str, rows: list[Row], began: float) -> int:
    failed = 0
    try:
        with _redress(place) if place != "suite" else nullcontext() as world:
            for row in rows:
                if time.monotonic() - began + row.seconds > LIMIT:
                    _print(row, "not run", 0, f"no time left of {LIMIT / 60:.0f} minutes")
                    failed += 1
                    continue
                failed += _run(row, world)
    except NotRun as why:
        for row in rows:
            _print(row, "not run", 0, str(why))
    return failed


def _run(row: Row, world: World | None) -> int:
    started = time.monotonic()
    try:
        seen = row.play(world)
        if world is not None:
            world.revive()
            found = violations(world, wait=90)
            if found:
                raise AssertionError(f"{seen}; but the auditor found {len(found)}: {str(found[:2])[:600]}")
    except NotRun as why:
        _print(row, "not run", time.monotonic() - started, str(why))
        return 0
    except Exception as error:
        told = str(error) or type(error).__name__
        _print(row, "BROKEN", time.monotonic() - started, told)
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        if world is not None:
            print(f"        logs: {_kept_logs(world, row)}", flush=True)
            _mend(world)
        return 1
    _print(row, "holds", time.monotonic() - started, seen)
    return 0


def _kept_logs(world: World, row: Row) -> Path:
    """The logs of what ran, which outlive the run."""
    folder = Path(tempfile.mkdtemp(prefix=f"redress-faults-row-{row.number}-"))
    for log in world.home.rglob("*.log"):
        shutil.copy(log, folder)
    return folder


def _mend(world: World) -> None:
    """A row that failed must not take the next ones along."""
    server = world.servers.server
    if server is not None and not server.is_ready():
        server.stop()
        server.start()
    if not world.broker.is_ready():
        world.broker.stop()
        world.broker.start()
    try:
        world.revive()
    except AssertionError as error:
        print(f"        it does not come back: {error}", flush=True)


def _print(row: Row, outcome: str, seconds: float, seen: str) -> None:
    print(f"{row.number:>6}  {outcome:<8}{seconds:5.0f}  {row.fault}: {seen}", flush=True)


@contextmanager
def _redress(place: str) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="redress-faults-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        root.chmod(0o755)
        with _small_disks(root) if place == "small disks" else _plain(root) as folders:
            servers = Servers(folders)
            world = None
            try:
                world = World(servers, folders["home"] / "world", **COMPRESSED)
                world.start()
                yield world
            finally:
                if world is not None:
                    world.stop()
                servers.close()


@contextmanager
def _plain(root: Path) -> Iterator[dict[str, Path]]:
    yield {name: _made(root / name) for name in _DISKS}


@contextmanager
def _small_disks(root: Path) -> Iterator[dict[str, Path]]:
    """A file system of its own, of some megabytes, for each."""
    mounted: list[Path] = []
    try:
        for name, size in _DISKS.items():
            folder = _made(root / name)
            command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "redress-faults", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotRun(f"a small disk needs root and mount: {done.stderr.strip()}")
            mounted.append(folder)
        yield {name: root / name for name in _DISKS}
    finally:
        for folder in mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o755)
    return folder


if __name__ == "__main__":
    sys.exit(main())
