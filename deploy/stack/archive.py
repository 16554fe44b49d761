"""Builds the class-data archives that halve the start of the JVMs; run in the background, once per JVM.

`python -m deploy.stack.archive` starts a throw-away broker and trace viewer that record which classes they load, uses
them once, and stops them, which writes the archives. Until then, and whenever the JVM finds one stale, starts are just
slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.stack.errors import StackError
from deploy.stack.fetch import cache_of
from deploy.stack.java import find_java
from deploy.stack.kafka import KafkaBroker
from deploy.stack.ports import free_ports
from deploy.stack.process import plain_environment, wait_until
from deploy.stack.settings import CHECKOUT, StackSettings, load_settings
from deploy.stack.traces import TraceViewer

#: At the lowest priority beside a busy machine everything takes its time.
_PATIENCE = 120.0
_SPAN = {
    "id": "352bff9a74ca9ad2",
    "traceId": "5af7183fb1d4cf5f",
    "name": "training",
    "timestamp": 1_780_000_000_000_000,
}


def build(settings: StackSettings) -> list[Path]:
    """Build what is missing for the JVM in use, for the parts that are downloaded; returns the new archives."""
    java = find_java(settings.redress_java)
    if java is None:
        return []
    cache = cache_of(settings)
    folder = settings.cache / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    built = []
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            home = Path(scratch)
            if not cache.missing("kafka"):
                jars = cache.fetch("kafka")
                broker = KafkaBroker(home, *free_ports(2), java=java, jars=jars, archives=folder)
                built += _train(broker, home, lambda: asyncio.run(_use_broker(broker.bootstrap)))
            if not cache.missing("traces"):
                jars = cache.unpack_application("traces")
                viewer = TraceViewer(home, free_ports(1)[0], java=java, jars=jars, archives=folder)
                built += _train(viewer, home, lambda: _use_viewer(viewer))
    return built


def _train(server: KafkaBroker | TraceViewer, home: Path, use: Callable[[], None]) -> list[Path]:
    if server.archive.exists():
        return []
    target = home / "archive"
    server.prepare()
    spec = server.training_spec(target)
    process = spec.spawn(die_with_parent=True)
    try:
        wait_until(server.is_ready, spec, alive=lambda: process.poll() is None, patience=_PATIENCE)
        use()
        process.send_signal(spec.stop_signal)
        process.wait(spec.grace)
    finally:
        process.kill()
        process.wait()
    if not target.exists():
        return []
    target.rename(server.archive)
    return [server.archive]


async def _use_broker(bootstrap: str) -> None:
    """Load the classes of everyday work: create a topic, produce, consume, commit."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("training", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for number in range(20):
            await producer.send_and_wait("training", b"%d" % number, key=b"key")
    async with AIOKafkaConsumer(
        "training",
        bootstrap_servers=bootstrap,
        group_id="training",
        group_instance_id="training-0",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    ) as consumer:
        await consumer.getone()
        await consumer.commit()


def _use_viewer(viewer: TraceViewer) -> None:
    """Send a span and look at the page and at a search."""
    import httpx

    with httpx.Client(timeout=30) as http:
        http.post(viewer.spans_url, json=[_SPAN]).raise_for_status()
        http.get(viewer.web_url).raise_for_status()
        http.get(viewer.spans_url.replace("spans", "traces")).raise_for_status()


def build_in_background(settings: StackSettings) -> None:
    """Start the build as a process of its own with the lowest priority; it outlives us and says nothing."""
    java = {"REDRESS_JAVA": str(settings.redress_java)} if settings.redress_java else {}
    path = os.environ.get("PATH", os.defpath)
    with contextlib.suppress(OSError):
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.stack.archive"],
            cwd=CHECKOUT,
            env=plain_environment(REDRESS_CACHE=str(settings.cache), PATH=path, **java),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        process.returncode = 0  # not ours to wait for


if __name__ == "__main__":
    os.nice(19)
    with contextlib.suppress(StackError):
        build(load_settings())
