"""Builds the class-data archive that lets the broker start in one second; run in the background, once per JVM.

`python -m deploy.stack.archive` starts a throw-away broker that records which classes it loads, uses it once, and
stops it, which writes the archive. Until then, and whenever the JVM finds the archive stale, starts are just slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from deploy.stack.artifacts import ArtifactCache
from deploy.stack.errors import StackError
from deploy.stack.java import find_java
from deploy.stack.kafka import KafkaBroker
from deploy.stack.ports import free_ports
from deploy.stack.process import ProcessSpec, plain_environment
from deploy.stack.settings import CHECKOUT, StackSettings, load_settings


class _TrainingBroker(KafkaBroker):
    """A broker that writes its archive when it stops."""

    target: Path

    def spec(self) -> ProcessSpec:
        plain = super().spec()
        # The dump happens inside the orderly stop and takes several seconds of one core.
        return replace(plain, argv=self.command(self._java.training_flag(self.target)), grace=120.0)


def build(settings: StackSettings) -> Path | None:
    """Build the archive for the JVM in use; returns it, or `None` when there is nothing to do it with."""
    java = find_java(settings.redress_java)
    cache = ArtifactCache(settings.cache, settings.redress_maven_url)
    if java is None or cache.missing("kafka"):
        return None
    folder = settings.cache / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            broker = _TrainingBroker(
                Path(scratch), *free_ports(2), java=java, jars=cache.fetch("kafka"), archives=folder
            )
            if broker.archive.exists():
                return broker.archive
            broker.target = Path(scratch) / "archive"
            broker.start()
            try:
                asyncio.run(_use(broker.bootstrap))
            finally:
                broker.stop()
            if not broker.target.exists():
                return None
            broker.target.rename(broker.archive)
            return broker.archive


async def _use(bootstrap: str) -> None:
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


def build_in_background(settings: StackSettings) -> None:
    """Start the build as a process of its own with the lowest priority; it outlives us and says nothing."""
    java = {"REDRESS_JAVA": str(settings.redress_java)} if settings.redress_java else {}
    with contextlib.suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-m", "deploy.stack.archive"],
            cwd=CHECKOUT,
            env=plain_environment(REDRESS_CACHE=str(settings.cache), PATH=os.environ.get("PATH", os.defpath), **java),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


if __name__ == "__main__":
    os.nice(19)
    with contextlib.suppress(StackError):
        build(load_settings())
