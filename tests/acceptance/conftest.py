from collections.abc import Iterator

import pytest

from tests.support.stack import Servers
from tests.support.world import World, world


@pytest.fixture(scope="module")
def redress(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running Redress that the tests of a module share."""
    with world(servers, tmp_path_factory.mktemp("world")) as running:
        yield running
