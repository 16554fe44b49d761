"""Puts the parts of these tests on the path (pytest imports tests one by one), and makes keys."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "unit" / "notifier")]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two key files."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "master.key").write_bytes(b"m" * 32)
    (folder / "session.key").write_bytes(b"s" * 32)
    return folder
