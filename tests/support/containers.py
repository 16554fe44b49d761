"""The servers for tests as containers, where `REDRESS_TEST_BACKEND=containers` asks for it and a Docker engine answers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

POSTGRES_IMAGE = "postgres:18-alpine"
KAFKA_IMAGE = "confluentinc/cp-kafka:8.1.0"

Started = tuple[str, Callable[[], None]]


def start_postgres() -> Started:
    """Start Postgres; returns the administrator's DSN and how to stop it."""
    from testcontainers.community.postgres import PostgresContainer

    container = PostgresContainer(POSTGRES_IMAGE, username="postgres", dbname="postgres", driver=None)
    container.with_command("postgres -c max_connections=200")
    container.start()
    url = str(container.get_connection_url())
    return url, container.stop


def start_kafka() -> Started:
    """Start a single broker in KRaft mode; returns its bootstrap address and how to stop it."""
    from testcontainers.community.kafka import KafkaContainer

    container = KafkaContainer(KAFKA_IMAGE).with_kraft()
    container.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    container.with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
    container.start()
    address = str(container.get_bootstrap_server())
    return urlsplit(address).netloc or address, container.stop
