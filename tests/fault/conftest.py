from collections.abc import Iterator

import pytest

from tests.support.stack import Servers
from tests.support.world import World, world

#: Short patience with the mail server, so that a lease of a dead sender ends within the test.
QUICK = {
    "NOTIFIER_CONNECT_SECONDS": "1",
    "NOTIFIER_COMMAND_SECONDS": "1",
    "NOTIFIER_DOT_SECONDS": "2",
    "NOTIFIER_LEASE_SECONDS": "10",
    "NOTIFIER_RESEND_SECONDS": "1",
}


@pytest.fixture(scope="module")
def redress(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running Redress that the tests of a module share."""
    with world(servers, tmp_path_factory.mktemp("world"), **QUICK) as running:
        yield running
