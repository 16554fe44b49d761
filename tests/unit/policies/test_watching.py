"""A running service takes good changes within one look, and keeps what it has when a change is bad."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import pytest

from shared.policies import PolicyError, PolicySource


class Pack(Protocol):
    folder: Path

    def spoil(self, file: str, old: str, new: str) -> None: ...
    def path(self, file: str, pack: str = "small") -> Path: ...
    def add(self, name: str) -> None: ...


def test_nothing_changed_means_nothing_read(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    before = source.packs
    assert source.refresh() is False
    assert source.packs is before


def test_a_good_change_is_in_force_after_one_look(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    pack.spoil("departments", 'version: "7"', 'version: "8x"')
    assert source.refresh() is True
    assert source.packs["small"].version.startswith("8x+")


def test_a_change_of_the_same_length_is_seen_by_its_time(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    pack.spoil("departments", 'version: "7"', 'version: "8"')
    os.utime(pack.path("departments"), ns=(1, 1))
    assert source.refresh() is True


def test_a_bad_change_leaves_the_old_packs_and_says_why(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    before = source.packs
    pack.spoil("routing", "owner: repair", "owner: nobody-at-all")
    assert source.refresh() is False
    assert source.packs is before
    assert source.error is not None
    assert source.error.problems[0].line == 17


def test_a_bad_folder_is_read_once_and_mended_by_the_next_change(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    pack.spoil("routing", "owner: repair", "owner: nobody-at-all")
    source.refresh()
    first = source.error
    assert source.refresh() is False
    assert source.error is first
    pack.spoil("routing", "owner: nobody-at-all", "owner: office")
    assert source.refresh() is True
    assert source.error is None


def test_a_file_that_disappears_is_a_bad_change(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    pack.path("sla").unlink()
    assert source.refresh() is False
    assert source.error is not None
    assert source.packs["small"].sla


def test_the_first_reading_must_succeed(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no pack in it"):
        PolicySource(tmp_path)
