"""Rows 12 to 16: services that end, freeze, and run twice."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace

from deploy.stack.ports import free_ports
from deploy.stack.services import NAMES, is_ready
from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.row import row
from tests.support.world import World, wait_for

_FREEZE = 35.0
"""Longer than a group waits for a silent member (30 s), than an idle transaction lives, and than a lease of a notice."""


@row("12", "SIGTERM, each service, busy", seconds=30)
def terminated(world: World) -> str:
    longest = 0.0
    with load(world) as seen:
        for name in NAMES:
            time.sleep(1)
            process = world.process(name)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(25) == 0, f"{name} ended with {process.returncode}"
            longest = max(longest, time.monotonic() - began)
            world.launch(name)
            world.wait_ready(name)
    all_told(world, seen)
    assert longest <= 15, f"an end took {longest:.1f} s"
    return f"{len(seen.accepted)} filed; the longest end took {longest:.1f} s"


def _frozen(world: World, name: str) -> str:
    with second_copy(world, name), load(world, rate=10) as seen:
        time.sleep(2)
        world.process(name).send_signal(signal.SIGSTOP)
        time.sleep(_FREEZE)
        others = len(seen.accepted)
        world.process(name).send_signal(signal.SIGCONT)
        time.sleep(3)
    all_told(world, seen)
    return f"{len(seen.accepted)} filed, {others} of them while the first copy stood"


@row("13", f"SIGSTOP {_FREEZE:.0f} s, router, a second copy beside it", seconds=45)
def router_frozen(world: World) -> str:
    return _frozen(world, "router")


@row("14", f"SIGSTOP {_FREEZE:.0f} s, sla, a second copy beside it", seconds=45)
def sla_frozen(world: World) -> str:
    return _frozen(world, "sla")


@row("15", f"SIGSTOP {_FREEZE:.0f} s, notifier, a second copy beside it", seconds=45)
def notifier_frozen(world: World) -> str:
    return _frozen(world, "notifier")


@row("15b", "SIGSTOP 12 s, intake", seconds=35)
def intake_frozen(world: World) -> str:
    with load(world) as seen:
        time.sleep(2)
        world.process("intake").send_signal(signal.SIGSTOP)
        time.sleep(12)
        world.process("intake").send_signal(signal.SIGCONT)
        time.sleep(2)
    all_told(world, seen)
    return f"{len(seen.accepted)} filed; the longest wait was {seen.waited:.1f} s"


@row("16", "two copies of every service, joining and leaving", seconds=25)
def two_copies(world: World) -> str:
    with load(world) as seen:
        copies = [second_copy(world, name) for name in NAMES]
        for copy in copies:
            copy.__enter__()
        time.sleep(8)
        for copy in copies:
            copy.__exit__(None, None, None)
    all_told(world, seen)
    return f"{len(seen.accepted)} filed while four copies came and went"


class second_copy:
    """A second copy of a service on a port of its own, until the block ends."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> subprocess.Popen[bytes]:
        spec = self._world.spec(self._name)
        port = free_ports(1)[0]
        log = spec.log.with_name(f"{self._name}-2.log")
        spec = replace(spec, env={**spec.env, "HTTP_PORT": str(port)}, log=log)
        self._process = spec.spawn()
        wait_for(lambda: is_ready(f"http://127.0.0.1:{port}"), f"the second {self._name} is ready", 60)
        return self._process

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(25) == 0, f"the second {self._name} ended with {process.returncode}"
