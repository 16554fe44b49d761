"""Fixtures every test may use; servers start at the first request and live as long as the session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.stack.mail.server import MailCatcher
from deploy.stack.ports import free_ports
from tests.support import signing
from tests.support.stack import Database, DatabaseFactory, Servers, recreate_topics

# How long an example takes is the machine's affair: no test of ours is timed.
settings.register_profile("redress", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("redress")


def pytest_configure(config: pytest.Config) -> None:
    signing.provide()
    config.stash[_SERVERS] = Servers()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SERVERS].close()


def pytest_report_header(config: pytest.Config) -> str:
    return config.stash[_SERVERS].describe()


_SERVERS = pytest.StashKey[Servers]()


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """Everything there is to start; `servers.new_broker()` gives one that a test may kill."""
    return pytestconfig.stash[_SERVERS]


@pytest.fixture(scope="session")
def postgres_url(servers: Servers) -> str:
    """Administrator's DSN of a real Postgres."""
    return servers.postgres()


@pytest.fixture(scope="session")
def kafka_bootstrap(servers: Servers) -> str:
    """Address of a real Kafka; its topics are shared by all tests, see `fresh_topics`."""
    return servers.kafka()


@pytest.fixture(scope="session")
def web_assets(servers: Servers) -> Path:
    """Folder with the unpacked WebJars."""
    return servers.web_assets()


@pytest.fixture
def mail_catcher(tmp_path: Path) -> Iterator[MailCatcher]:
    """An empty mail catcher of the test's own: `mail_catcher.smtp_url`, `GET {mail_catcher.web_url}/api/messages`."""
    server = MailCatcher(tmp_path, *free_ports(2))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fresh_database(servers: Servers) -> Iterator[DatabaseFactory]:
    """Makes databases: `fresh_database("sla")` has schemas, roles, clock, vault and the tables of sla."""
    made: list[Database] = []

    def make(*services: str) -> Database:
        made.append(servers.create_database(*services))
        return made[-1]

    yield make
    for database in made:
        servers.drop_database(database)


@pytest.fixture
async def fresh_topics(kafka_bootstrap: str) -> AsyncIterator[str]:
    """The broker's address, with all our topics there and empty."""
    await recreate_topics(kafka_bootstrap)
    yield kafka_bootstrap
