"""Settings of the local stack."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from deploy.stack.settings import StackSettings


def test_a_user_without_a_home_keeps_downloads_beside_the_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unknown(_user: int) -> object:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("REDRESS_CACHE", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)  # as with `docker run --user 12345`
    assert StackSettings(redress_home=tmp_path / "state").cache == tmp_path / "state" / "cache"
