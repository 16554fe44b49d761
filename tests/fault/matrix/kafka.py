"""Rows 17 to 23: what a broker does to those that hang on it."""

from __future__ import annotations

import os
import signal
import time

from aiokafka.admin import AIOKafkaAdminClient

from deploy.stack.topics import create_topics, delete_topics
from shared.events.topics import SLA, TOPICS
from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.row import row
from tests.fault.matrix.services import second_copy
from tests.support.audited import violations
from tests.support.stack import run
from tests.support.world import World

_AWAY = 45.0
"""Stands for 15 minutes: the rows run with a watchdog of 15 s instead of 120, so that every timer runs out thrice."""


@row("17", "broker restarted (SIGTERM, then SIGKILL) while relays and readers are busy", seconds=25)
def broker_restarts(world: World) -> str:
    with load(world) as seen:
        time.sleep(2)
        world.broker.stop()
        world.broker.start()
        time.sleep(4)
        world.broker.kill()
        world.broker.start()
        time.sleep(2)
    all_told(world, seen, 60)
    return f"{len(seen.accepted)} filed, all told within 60 s"


@row("18", "broker restarted while everything is idle", seconds=12)
def broker_restarts_idle(world: World) -> str:
    world.broker.kill()
    time.sleep(2)
    world.broker.start()
    with load(world, rate=10) as seen:
        time.sleep(2)
    all_told(world, seen, 60)
    return "readers go on within 60 s"


@row("19", f"broker away {_AWAY:.0f} s at compressed timers: intake accepts", seconds=60)
def broker_away(world: World) -> str:
    pid = world.process("intake").pid
    with load(world, rate=10) as seen:
        time.sleep(1)
        world.broker.kill()
        time.sleep(_AWAY)
        meanwhile = len(seen.accepted)
        status = world.http.get(f"{world.url('intake')}/readyz")
        world.broker.start()
    assert meanwhile > _AWAY * 5, f"only {meanwhile} were accepted meanwhile"
    assert status.status_code == 200, "intake can accept, and said it was not ready"
    assert '"ready"' not in status.text.split('"checks"')[0], "intake said that all was well"
    assert world.process("intake").pid == pid and world.process("intake").poll() is None, "intake was restarted"
    all_told(world, seen, 120)
    return f"{meanwhile} accepted meanwhile, longest answer {seen.waited:.1f} s; /readyz: degraded"


@row("18b", "SIGSTOP 40 s, broker", seconds=50)
def broker_frozen(world: World) -> str:
    pid = world.process("intake").pid
    with load(world, rate=10) as seen:
        time.sleep(1)
        os.kill(world.broker.pid, signal.SIGSTOP)
        time.sleep(40)
        os.kill(world.broker.pid, signal.SIGCONT)
    assert world.process("intake").pid == pid and world.process("intake").poll() is None, "intake was ended"
    all_told(world, seen, 120)
    return f"{len(seen.accepted)} filed; intake served all along, longest answer {seen.waited:.1f} s"


@row("21", "a topic deleted under load, then made anew", seconds=15)
def topic_deleted(world: World) -> str:
    with load(world, rate=10) as seen:
        time.sleep(2)
        run(delete_topics(world.broker.bootstrap, [SLA.name]))
        time.sleep(5)
        run(create_topics(world.broker.bootstrap))
        time.sleep(2)
    all_told(world, seen, 120)
    return f"{len(seen.accepted)} filed and told"


@row("22", "offsets of every group expired", seconds=35)
def offsets_expired(world: World) -> str:
    assert violations(world) == [], "the system was not in order before"
    for name in ("intake", "router", "sla", "notifier"):
        world.kill(name)
    run(_forget_groups(world.broker.bootstrap))
    mails = len(world.mails())
    world.revive()
    with load(world, rate=10) as seen:
        time.sleep(2)
    all_told(world, seen, 90)
    extra = len(world.mails()) - mails - len(seen.accepted)
    assert extra <= 0, f"{extra} messages were sent again"
    return "everything was read again from the start; nothing happened twice"


async def _forget_groups(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names = [f"redress.{name}" for name in ("intake", "router", "sla", "notifier")]
        deadline = time.monotonic() + 60  # a group can be deleted once its members' sessions have expired
        while True:
            answers = await admin.delete_consumer_groups(names) if hasattr(admin, "delete_consumer_groups") else None
            if answers is None:
                await _delete_groups(admin, names)
            left = {group for group, *_ in await admin.list_consumer_groups()} & set(names)
            if not left:
                return
            assert time.monotonic() < deadline, f"groups could not be deleted: {left}"
            time.sleep(1)  # noqa: ASYNC251  nothing else runs in this loop
    finally:
        await admin.close()


async def _delete_groups(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    from aiokafka.protocol.admin import DeleteGroupsRequest

    for node in admin._client.cluster.brokers():
        await admin._send_request(DeleteGroupsRequest(names), node.nodeId)


@row("23", "rebalance storm: second copies join and leave under load", seconds=40)
def rebalance_storm(world: World) -> str:
    with load(world) as seen:
        for _ in range(5):
            for name in ("router", "notifier"):
                with second_copy(world, name):
                    time.sleep(1)
    all_told(world, seen, 90)
    return f"{len(seen.accepted)} filed during ten joins and leaves"


@row("37", "poison of eleven kinds on every topic, between good events", seconds=8)
def poison(world: World) -> str:
    from deploy.keys.event_keys import read_all
    from shared.runtime.event_keys import COVERED, signed
    from shared.runtime.kafka import make_producer, stop_producer

    keys = read_all(world.home / "keys" / "events")
    assert keys is not None

    async def write() -> int:
        producer = make_producer(world.broker.bootstrap, "poison")
        await producer.start()
        good_type: list[tuple[str, bytes | None]] = [
            *((name, b"x") for name in COVERED if name not in {"ce_type", "ce_id"}),
            ("ce_type", b"complaint.submitted.v1"),
            ("ce_id", b"0193f3a0-0000-7000-8000-000000000001"),
        ]
        kinds: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
            (b"k", b"{", good_type),
            (b"k", b"{}", good_type),
            (b"k", b"", good_type),
            (None, b"{}", good_type),
            (b"k", b"{}", []),
            (b"k", b"{}", [("ce_type", b"complaint.submitted.v9")]),
            (b"k", b"\xff\xfe", good_type),
            (b"k", b"{}", [("ce_type", b"\xff")]),
            (b"k", b"[" * 100_000, good_type),
            (b"k", b'{"occurred_at":"0001-01-01T00:00:00+14:00"}', good_type),
            (b"k", b"{}" + b" " * 400_000, good_type),
        ]
        try:
            for topic in TOPICS:
                for partition in range(topic.partitions):
                    for key, value, bare in kinds:
                        headers = signed(keys.own(topic.writer), topic.name, key, bare, value)
                        await producer.send(topic.name, key=key, value=value, headers=headers, partition=partition)
            await producer.flush()
        finally:
            await stop_producer(producer)
        return len(kinds) * sum(topic.partitions for topic in TOPICS)

    pids = {name: world.process(name).pid for name in ("intake", "router", "sla", "notifier")}
    with load(world, rate=10) as seen:
        time.sleep(1)
        count = run(write())
        time.sleep(2)
    all_told(world, seen, 60)
    for name, pid in pids.items():
        assert world.process(name).pid == pid and world.process(name).poll() is None, f"{name} was ended by poison"
    buried = world.database.fetch("SELECT count(*) FROM router.dead_letter")[0][0]
    assert buried, "no poison reached the dead letters"
    world.database.execute("UPDATE router.dead_letter SET replayed_at = clock.now(), replayed_by = 'matrix'")
    for name in ("intake", "sla", "notifier"):
        world.database.execute(f"UPDATE {name}.dead_letter SET replayed_at = clock.now(), replayed_by = 'matrix'")
    return f"{count} bad records on {len(TOPICS)} topics nobody restarted, the good ones passed"
