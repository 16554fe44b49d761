"""Real processes, killed by SIGKILL around the firing of a clock, and two of them at once (rows 7, 8, 12 and 16)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.ports import free_ports
from tests.integration.sla.conftest import Running, after, told, until
from tests.support.stack import environment_without_servers

HERE = Path(__file__).parent
RUN = """
import os, signal, sys
from services.sla.app import build
from services.sla.settings import Settings
from shared.runtime import entry

point = sys.argv[1]

def reached(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)

raise SystemExit(entry.main("sla", Settings, build, arguments=["serve"], reached=reached))
"""


class Processes:
    """Copies of sla on one database. There is no Kafka: what they say stays in the outbox, where it is counted."""

    def __init__(self, running: Running, folder: Path) -> None:
        self._running = running
        self._folder = folder
        self._all: list[subprocess.Popen[bytes]] = []

    def start(self, crash_at: str = "never", **settings: str) -> subprocess.Popen[bytes]:
        environment = environment_without_servers() | {
            "DATABASE_URL": self._running.database.url_of("sla"),
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "SLA_CATCH_UP_SECONDS": "0",
            "MASTER_KEY_FILE": str(self._folder / "key"),
            "SESSION_KEY_FILE": str(self._folder / "key"),
            "POLICIES_DIR": str(HERE / "policies"),
            "HTTP_PORT": str(free_ports(1)[0]),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, crash_at],
            env=environment | settings,
            cwd=HERE.parents[2],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._all.append(process)
        return process

    def stop(self) -> None:
        for process in self._all:
            if process.poll() is None:
                process.kill()
            process.wait(20)


@pytest.fixture
def processes(running: Running, tmp_path: Path) -> Iterator[Processes]:
    made = Processes(running, tmp_path)
    yield made
    made.stop()


async def due(running: Running, count: int = 1) -> None:
    """Complaints whose first warning is due now."""
    stories = [told() for _ in range(count)]
    await running.feed(*(story.assigned() for story in stories))
    running.travel(after(hours=2))


async def fired(running: Running) -> list[Any]:
    return [event for event in await running.sent() if hasattr(event, "level")]


async def until_none_waits(running: Running) -> None:
    waiting = "SELECT 1 FROM timer WHERE due_at <= clock.now() LIMIT 1"

    async def none_waits() -> bool:
        return not await running.rows(waiting)

    await until(none_waits)


async def ended(process: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(process.wait, 60)


@pytest.mark.fault
async def test_killed_before_the_commit_nothing_has_fired_and_the_next_process_fires_once(
    running: Running, processes: Processes
) -> None:
    await due(running)
    assert await ended(processes.start("CP.sla.fired_before_commit")) == -signal.SIGKILL
    assert await running.rows("SELECT 1 FROM fired") == []
    assert await fired(running) == []
    processes.start()
    await until_none_waits(running)
    assert [event.level for event in await fired(running)] == ["warn_50"]


@pytest.mark.fault
async def test_killed_after_the_commit_the_event_waits_for_the_relay_and_is_not_fired_again(
    running: Running, processes: Processes
) -> None:
    await due(running)
    assert await ended(processes.start("CP.sla.committed_before_relay")) == -signal.SIGKILL
    assert [event.level for event in await fired(running)] == ["warn_50"]
    again = processes.start()
    running.travel(after(hours=2, minutes=10))
    stories = [told()]
    await running.feed(*(story.assigned() for story in stories))
    await until_none_waits(running)
    assert len(await fired(running)) == 2
    os.kill(again.pid, signal.SIGTERM)
    assert await ended(again) == 0


@pytest.mark.fault
async def test_two_processes_fire_each_level_once(running: Running, processes: Processes) -> None:
    await due(running, 300)
    running.travel(after(days=30))
    for _ in range(2):
        processes.start(SLA_TICK_BATCH="10")
    await until_none_waits(running)
    events = await fired(running)
    keys = {(event.complaint_id, event.clock, event.clock_epoch, event.level) for event in events}
    assert len(keys) == len(events)
    assert len({event.complaint_id for event in events}) == 300
