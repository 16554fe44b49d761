"""The watchdog ends a process only while a broker really answers: a frozen one is no reason to take HTTP away (H10)."""

import asyncio
import os
import signal
import time
from types import SimpleNamespace

import pytest

from deploy.stack.ports import free_ports
from shared.runtime.watchdog import Watchdog
from tests.support.probe import until


def _watchdog(bootstrap: str, failures: list[str], limit: float = 0.2) -> Watchdog:
    """Over a relay that has had something on its way for longer than the limit."""
    relay = SimpleNamespace(busy=True, overlooked=0.0, last_progress=time.monotonic() - 3600)
    return Watchdog(bootstrap, relay, None, limit, failures.append)  # type: ignore[arg-type]


async def test_a_live_broker_answers_and_the_stuck_process_ends(kafka_bootstrap):
    failures: list[str] = []
    watchdog = _watchdog(kafka_bootstrap, failures)
    assert await watchdog.broker_answers()
    async with asyncio.timeout(20):
        await watchdog.run(asyncio.Event())
    assert failures == ["relay"]


async def test_a_broker_that_came_back_a_moment_ago_gives_what_waited_its_moment(kafka_bootstrap):
    failures: list[str] = []
    watchdog = _watchdog(kafka_bootstrap, failures, limit=4)
    stop = asyncio.Event()
    running = asyncio.create_task(watchdog.run(stop))
    await until(lambda: watchdog._answers_since is not None)
    watchdog._relay.last_progress = time.monotonic() + 3600  # it goes on
    await until(lambda: watchdog._answers_since is None)
    stop.set()
    await running
    assert failures == []


async def test_nobody_there_is_no_answer():
    assert not await _watchdog(f"127.0.0.1:{free_ports(1)[0]}", []).broker_answers()


@pytest.mark.fault
async def test_a_frozen_broker_accepts_connections_and_is_no_answer(servers):
    broker = servers.new_broker()
    await asyncio.to_thread(broker.start)
    try:
        os.kill(broker.pid, signal.SIGSTOP)
        _, writer = await asyncio.open_connection("127.0.0.1", int(broker.bootstrap.rpartition(":")[2]))
        writer.close()
        assert not await _watchdog(broker.bootstrap, []).broker_answers()
        os.kill(broker.pid, signal.SIGCONT)
        await until(_watchdog(broker.bootstrap, []).broker_answers)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
        await asyncio.to_thread(broker.stop)
