"""The servers that all other integration tests stand on."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.stack.errors import StackError
from deploy.stack.topics import TopicSettings, create_topics, delete_topics, differences, plan_for
from shared.events.topics import INTAKE, SLA
from tests.support.stack import DatabaseFactory, Servers, execute, fetch, recreate_topics, run


async def test_service_role_reaches_its_own_schema_and_no_other(fresh_database: DatabaseFactory) -> None:
    database = fresh_database()
    database.execute("CREATE SCHEMA intake; CREATE TABLE intake.secret (x int)")
    connection = await asyncpg.connect(database.url_of("router"))
    try:
        assert await connection.fetchval("SELECT current_user") == "redress_router"
        assert await connection.fetchval("SELECT clock.now() IS NOT NULL")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM intake.secret")
    finally:
        await connection.close()


def test_database_clock_can_be_frozen(fresh_database: DatabaseFactory) -> None:
    database = fresh_database()
    database.freeze_clock("2026-02-17T09:00:00+08:00")
    assert database.fetch("SELECT clock.now() = timestamptz '2026-02-17 01:00:00Z' AS same")[0]["same"]


def test_committed_rows_survive_a_killed_postgres(servers: Servers) -> None:
    server = servers.new_postgres()
    server.start()
    try:
        run(execute(server.url(), "CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)"))
        server.kill()
        server.start()
        assert run(fetch(server.url(), "SELECT x FROM kept"))[0]["x"] == 7
    finally:
        server.stop()


def test_data_folder_of_another_postgres_is_refused_in_one_line(servers: Servers) -> None:
    server = servers.new_postgres()
    server.prepare()
    (Path(server.spec().argv[2]) / "PG_VERSION").write_text("16\n")
    with pytest.raises(StackError, match=r"written by Postgres 16.*make reset"):
        server.start()


async def test_records_survive_a_killed_broker(servers: Servers) -> None:
    broker = servers.new_broker()
    broker.start()
    try:
        created = await create_topics(broker.bootstrap)
        assert "complaints.dead-letters" in created
        assert await create_topics(broker.bootstrap) == []
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True) as producer:
            await producer.send_and_wait(INTAKE.name, b"kept", key=b"k")
        broker.kill()
        broker.start()
        consumer = AIOKafkaConsumer(INTAKE.name, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        async with consumer:
            assert (await consumer.getone()).value == b"kept"
    finally:
        broker.stop()


async def test_topics_are_made_with_settings_that_are_said_and_others_are_told(servers: Servers) -> None:
    """Replication, min in-sync and retention are ours, not the broker's (H8)."""
    broker = servers.new_broker()
    broker.start()
    told: list[str] = []
    try:
        await create_topics(broker.bootstrap, say=told.append)
        assert "one copy" in told[0]
        assert await differences(broker.bootstrap) == {}
        await delete_topics(broker.bootstrap, [INTAKE.name, SLA.name])
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(INTAKE.name, 2, 1, topic_configs={"retention.ms": "1000"})])
        await admin.close()
        lines = await differences(broker.bootstrap)
        assert lines[SLA.name] == ["is not there"]
        assert "partitions 2, not 4" in lines[INTAKE.name]
        assert "retention.ms 1000, not 2592000000" in lines[INTAKE.name]
    finally:
        broker.stop()


def test_a_cluster_gets_three_copies_and_one_broker_is_told_what_it_risks() -> None:
    assert (plan_for(5, TopicSettings()).replication, plan_for(5, TopicSettings()).min_insync) == (3, 2)
    assert plan_for(5, TopicSettings()).risk is None
    assert plan_for(1, TopicSettings()).risk is not None
    with pytest.raises(StackError, match="KAFKA_REPLICATION is 3, but Kafka has 1 broker"):
        plan_for(1, TopicSettings(kafka_replication=3))


async def test_fresh_topics_are_empty(fresh_topics: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=fresh_topics) as producer:
        await producer.send_and_wait(INTAKE.name, b"old", key=b"k")
    await recreate_topics(fresh_topics)
    async with AIOKafkaConsumer(bootstrap_servers=fresh_topics, auto_offset_reset="earliest") as consumer:
        partitions = [TopicPartition(INTAKE.name, number) for number in range(INTAKE.partitions)]
        ends = await consumer.end_offsets(partitions)
    assert set(ends.values()) == {0}
