"""What is measured: throughput by single POSTs and by batches, latency at half load, and the floor, in one run."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from deploy.bench import floor, sink
from deploy.bench.place import Place, generate
from deploy.stack.settings import CHECKOUT


@dataclass
class Phase:
    """One measured phase."""

    name: str
    complaints: int
    seconds: float
    failed: int = 0
    cpu_us: Mapping[str, float] = field(default_factory=dict)
    post_ms: Mapping[str, float] = field(default_factory=dict)
    notice_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Complaints per second, from the first request to the last first notice."""
        return self.complaints / self.seconds


def through(place: Place, name: str, tag: str, **orders: Any) -> Phase:
    """Send complaints and wait until each one's first notice was handed to the mail server."""
    count = int(orders["count"])
    before, cpu, children = asyncio.run(sink.seen(place.ports.smtp)), place.cpu(), _children_cpu()
    load = generate(place, tag=tag, **orders)
    told, _ = load.communicate()
    answer = json.loads(told)
    seconds_for_rest = 60 + count / 200
    deadline = time.monotonic() + seconds_for_rest
    while asyncio.run(sink.seen(place.ports.smtp)) - before < answer["accepted"]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name}: first notices are missing after {seconds_for_rest:.0f} s")
        time.sleep(0.1)
    arrived = {who: at for who, at in asyncio.run(sink.times(place.ports.smtp)).items() if who in answer["sent"]}
    spent = {part: used - cpu.get(part, 0.0) for part, used in place.cpu().items()}
    spent["load generator"] = _children_cpu() - children
    return Phase(
        name=name,
        complaints=answer["accepted"],
        failed=answer["failed"],
        seconds=max(arrived.values()) - answer["began"],
        cpu_us={part: used / max(1, answer["accepted"]) * 1e6 for part, used in spent.items()},
        post_ms=_quantiles(answer["latencies"]),
        notice_ms=_quantiles([(at - answer["sent"][who]) * 1000 for who, at in arrived.items()]),
    )


def raw_floor(place: Place, count: int) -> Phase:
    """The same hops with nothing but Kafka and COPY."""
    asyncio.run(_prepare_floor(place))
    services = [_floor_process(place, service, count) for service in floor.STEPS]
    for process in services:
        assert process.stdout is not None
        process.stdout.readline()
    cpu, children = place.cpu(), _children_cpu()
    began = time.monotonic()
    for process in services:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in services:
        if process.wait(300) != 0:
            raise RuntimeError("the floor failed")
    seconds = time.monotonic() - began
    spent = {part: used - cpu.get(part, 0.0) for part, used in place.cpu().items() if part in {"kafka", "postgres"}}
    spent["four raw services"] = _children_cpu() - children
    return Phase(name="floor", complaints=count, seconds=seconds, cpu_us={p: s / count * 1e6 for p, s in spent.items()})


def _floor_process(place: Place, service: str, count: int) -> subprocess.Popen[bytes]:
    arguments = [place.kafka.bootstrap, place.dsn, service, str(count)]
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.bench.floor", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    )


async def _prepare_floor(place: Place) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    connection = await asyncpg.connect(place.dsn)
    for service in floor.STEPS:
        await connection.execute(floor.TABLES.format(service=service))
        await connection.execute(f"TRUNCATE floor.{service}")
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=place.kafka.bootstrap)
    await admin.start()
    there = set(await admin.list_topics())
    wanted = [NewTopic(name, 4, 1) for event in floor.EVENTS if (name := floor.topic(event)) not in there]
    if wanted:
        await admin.create_topics(wanted)
    await admin.close()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "max": ordered[-1],
    }


def cores() -> int:
    """Processors this run may use."""
    return len(os.sched_getaffinity(0))
