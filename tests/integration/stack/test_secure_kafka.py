"""Kafka with TLS, sign-in and ACLs: everything of ours works on it, each with no more rights than it needs (item 9)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from deploy.stack.acls import Acl, add_acls, wanted_acls
from deploy.stack.errors import StackError
from deploy.stack.services import NAMES
from deploy.stack.topics import create_topics
from shared.events.topics import DEAD_LETTERS, TOPICS
from shared.runtime.kafka_access import KafkaAccess, KafkaSecurity, client_of
from shared.runtime.outbox import rows_of
from shared.runtime.pg import Database as OwnDatabase
from shared.runtime.relay import Relay
from shared.runtime.transaction import write_rows
from tests.support.probe import submitted, until
from tests.support.secure_broker import NEWCOMER, SecureBroker
from tests.support.stack import DatabaseFactory, Servers
from tests.support.tls_postgres import TlsDoor
from tests.support.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A whole Redress on a broker that allows only what `topics acls` says, each part as its own principal; Postgres by
    TLS alone.
    """
    broker = SecureBroker.of(servers.new_broker())
    door = TlsDoor(servers.postgres(), broker.certificates)
    door.start()
    database = servers.create_database(*NAMES)
    made = World(
        servers,
        tmp_path_factory.mktemp("secure"),
        broker=broker,
        kafka=lambda who: broker.access(f"redress-{who}"),
        database=replace(database, url=door.url(database.url)),
    )
    try:
        broker.start()
        asyncio.run(add_acls(broker.access("admin"), wanted_acls()))
        made.start()
        yield made
    finally:
        made.stop()
        door.stop()


@pytest.fixture
def broker(world: World) -> SecureBroker:
    assert isinstance(world.broker, SecureBroker)
    return world.broker


def redress(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        env={**world.spec("intake").env, "REDRESS_HOME": str(world.home)},
        cwd=world.spec("intake").cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_complaint_goes_from_filing_to_the_first_notice(world: World) -> None:
    told = world.file("The parcel never came.", category="delivery", customer={"email": "tls@example.com"})
    assert told.status_code == 201
    world.mail_when("tls@example.com", lambda mails: mails, "is written to")
    case = world.case_when(told.json()["reference"], lambda case: case["clocks"], "has clocks")
    assert case["department"] == "delivery"


def test_the_operators_commands_get_in_too(world: World) -> None:
    world.endpoints()
    topics = redress(world, "topics", "--json")
    assert topics.returncode == 0, topics.stderr
    assert {one["name"] for one in json.loads(topics.stdout)["topics"]} == {*(t.name for t in TOPICS), DEAD_LETTERS}
    reference = world.file("Where is it?", category="delivery").json()["reference"]
    assert redress(world, "where", reference).returncode == 0
    where = redress(world, "audit", "--json")
    assert where.returncode == 0, where.stderr + where.stdout
    letters = redress(world, "dead-letters", "list")
    assert letters.returncode == 0, letters.stderr
    keys = redress(world, "keys", "list", "--json")
    assert keys.returncode == 0, keys.stderr
    again = redress(world, "topics", "acls", "--apply")
    assert again.returncode == 0, again.stderr


async def write(access: KafkaAccess, topic: str) -> None:
    producer = AIOKafkaProducer(**access.client(), enable_idempotence=True, request_timeout_ms=5_000)
    await producer.start()
    try:
        async with asyncio.timeout(20):
            await producer.send_and_wait(topic, b"{}", partition=0)
    finally:
        await producer.stop()


async def read(access: KafkaAccess, topic: str) -> Any:
    consumer = AIOKafkaConsumer(**access.client(), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(20):
            return await consumer.getmany(timeout_ms=2_000)
    finally:
        await consumer.stop()


@pytest.mark.parametrize(
    ("who", "topic"),
    [
        ("redress-router", "complaints.sla"),
        ("redress-intake", "complaints.routing"),
        ("redress-notifier", "complaints.intake"),
        ("redress-auditor", "complaints.intake"),
        ("redress-auditor", DEAD_LETTERS),
    ],
)
async def test_nobody_writes_the_topic_of_another(broker: SecureBroker, who: str, topic: str) -> None:
    # Who may write nothing at all is not even given a producer's id.
    with pytest.raises((TopicAuthorizationFailedError, ClusterAuthorizationFailedError)):
        await write(broker.access(who), topic)


@pytest.mark.parametrize(
    ("who", "topic"), [("redress-sla", "complaints.intake"), ("redress-intake", "complaints.notices")]
)
async def test_nobody_reads_what_topics_py_does_not_give_them(broker: SecureBroker, who: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(**broker.access(who).client())
    await admin.start()
    try:
        [told] = await admin.describe_topics([topic])
    finally:
        await admin.close()
    assert told["error_code"] == TopicAuthorizationFailedError.errno


async def test_the_auditor_reads_every_topic(broker: SecureBroker) -> None:
    for topic in (*(one.name for one in TOPICS), DEAD_LETTERS):
        await read(broker.access("redress-auditor"), topic)


async def test_only_who_may_changes_the_rules(broker: SecureBroker) -> None:
    with pytest.raises(StackError, match="refuses a rule"):
        await add_acls(broker.access("redress-sla"), wanted_acls()[:1])


async def test_scram_gets_in_and_a_wrong_password_does_not(broker: SecureBroker, tmp_path: Path) -> None:
    await asyncio.to_thread(broker.add_scram_user, "redress-operator", "one-secret")
    (tmp_path / "right").write_text("one-secret\n", "utf-8")
    (tmp_path / "wrong").write_text("another\n", "utf-8")
    right = broker.access("redress-operator", "SCRAM-SHA-512", tmp_path / "right")
    assert await create_topics(right) == []
    with pytest.raises(StackError, match="does not answer"):
        await create_topics(broker.access("redress-operator", "SCRAM-SHA-512", tmp_path / "wrong"))


async def test_a_broker_whose_certificate_nobody_vouches_for_is_refused(broker: SecureBroker) -> None:
    security = broker.access("redress-sla").security.model_copy(update={"cafile": None})
    with pytest.raises((KafkaError, OSError)):
        await read(KafkaAccess(broker.bootstrap, security), "complaints.routing")


async def test_a_forbidden_topic_stops_its_own_rows_alone_and_they_leave_when_it_is_allowed(
    broker: SecureBroker, fresh_database: DatabaseFactory
) -> None:
    own = "complaints.routing"
    rules = [Acl(f"User:{NEWCOMER}", "topic", own, operation) for operation in ("Write", "Read")]
    await add_acls(broker.access("admin"), rules)
    database, stop = OwnDatabase(fresh_database("router").url_of("router"), name="test"), asyncio.Event()
    relay = Relay(database, "router", broker.access(NEWCOMER))
    running = asyncio.create_task(relay.run(stop))
    try:
        for topic in (DEAD_LETTERS, own, DEAD_LETTERS, own):
            async with database.connection() as connection, connection.transaction():
                await write_rows(connection, rows_of([submitted()], topic, None))
            relay.wake()
        left = "SELECT array_agg(DISTINCT topic) FROM outbox_unpublished"
        await until(lambda: _is(database.fetchval(left), [DEAD_LETTERS]), 40)
        await until(lambda: relay.troubles)
        assert {name.partition("[")[0] for name in relay.troubles} == {DEAD_LETTERS}
        assert "TopicAuthorizationFailed" in str(relay.troubles)
        await add_acls(broker.access("admin"), [replace(rule, name=DEAD_LETTERS) for rule in rules])
        await until(lambda: _is(database.fetchval(left), None), 40)
        await until(lambda: not relay.troubles)
    finally:
        stop.set()
        relay.wake()
        await running
        await database.close()


async def _is(asked: Awaitable[object], wanted: object) -> bool:
    return await asked == wanted


@pytest.fixture
async def plain(fresh_topics: str) -> AsyncIterator[str]:
    yield fresh_topics


async def test_plain_addresses_still_mean_a_broker_that_asks_for_nothing(plain: str) -> None:
    assert client_of(plain) == {"bootstrap_servers": plain, "security_protocol": "PLAINTEXT"}
    assert KafkaSecurity().context() is None
    assert await create_topics(plain) == []


def test_the_rules_follow_the_table() -> None:
    rules = wanted_acls()
    for service in NAMES:
        written = {a.name for a in rules if a.principal == f"User:redress-{service}" and a.operation == "Write"}
        assert written == {*(topic.name for topic in TOPICS if topic.writer == service), DEAD_LETTERS}
