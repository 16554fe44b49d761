import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.runtime.settings import CommonSettings


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., CommonSettings]:
    """Settings with fresh key files."""
    (tmp_path / "master.key").write_bytes(secrets.token_bytes(32))
    (tmp_path / "session.key").write_text(secrets.token_hex(32))

    def make(**values: object) -> CommonSettings:
        given = {
            "database_url": "postgresql://unused",
            "master_key_file": tmp_path / "master.key",
            "session_key_file": tmp_path / "session.key",
        }
        return CommonSettings.model_validate(given | values)

    return make
