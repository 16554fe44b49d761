"""Keys and a mail server for a notifier of one's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.notifier.scripted_smtp import ScriptedSmtp


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two key files."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "master.key").write_bytes(b"m" * 32)
    (folder / "session.key").write_bytes(b"s" * 32)
    return folder


@pytest.fixture
async def smtp() -> AsyncIterator[ScriptedSmtp]:
    """A mail server that does what a test tells it."""
    async with ScriptedSmtp() as server:
        yield server
