"""Keys for a notifier of one's own."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two key files."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "master.key").write_bytes(b"m" * 32)
    (folder / "session.key").write_bytes(b"s" * 32)
    return folder
