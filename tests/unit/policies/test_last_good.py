"""A pack that is refused gives way to its last good files, refuses no other pack, and is told (H4, fault row 51)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from shared.policies import PolicyError, PolicySource
from shared.policies.packs import KeptPack, load_sound

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


class Pack(Protocol):
    folder: Path

    def spoil(self, file: str, old: str, new: str) -> None: ...
    def path(self, file: str, pack: str = "small") -> Path: ...


def second(pack: Pack) -> None:
    """Another sound pack beside `small`, with departments of its own."""
    shutil.copytree(pack.folder / "small", pack.folder / "beside")
    for path in (pack.folder / "beside").iterdir():
        text = path.read_text("utf-8").replace("pack: small", "pack: beside")
        for department in ("desk", "office", "repair"):
            for before in ("id: ", "to: ", "owner: ", "fallback: ", "office: ", "second_stage: ", "department: "):
                if path.name != "routing.yaml" or before != "id: ":
                    text = text.replace(f"{before}{department}", f"{before}b-{department}")
        path.write_text(text, "utf-8")


def kept_of(source: PolicySource) -> dict[str, KeptPack]:
    return {name: KeptPack(one.folder, one.version, one.files, SINCE) for name, one in source.good.items()}


def break_it(pack: Pack) -> None:
    pack.spoil("routing", "owner: repair", "owner: nobody-at-all")


def test_a_new_process_with_broken_files_starts_with_the_last_good_ones(pack: Pack) -> None:
    before = PolicySource(pack.folder)
    kept = kept_of(before)
    break_it(pack)
    with pytest.raises(PolicyError):
        PolicySource(pack.folder)
    after = PolicySource(pack.folder, kept)
    assert after.packs["small"].version == before.packs["small"].version
    assert after.packs["small"].routing == before.packs["small"].routing
    assert after.error is not None and after.error.problems[0].line == 17
    assert (after.stale, after.last_good) == ({"small"}, SINCE)


def test_it_goes_on_from_there_as_soon_as_the_files_are_mended(pack: Pack) -> None:
    kept = kept_of(PolicySource(pack.folder))
    break_it(pack)
    source = PolicySource(pack.folder, kept)
    pack.spoil("routing", "owner: nobody-at-all", "owner: office")
    assert source.refresh()
    assert (source.error, source.stale, source.last_good) == (None, frozenset(), None)


@pytest.mark.parametrize("damage", ["folder", "file", "empty"])
def test_files_that_are_gone_altogether_are_no_reason_to_stop(pack: Pack, damage: str) -> None:
    kept = kept_of(PolicySource(pack.folder))
    if damage == "folder":
        shutil.rmtree(pack.folder)
    elif damage == "file":
        pack.path("sla").unlink()
    else:
        for path in (pack.folder / "small").iterdir():
            path.write_bytes(b"")
    source = PolicySource(pack.folder, kept)
    assert source.packs["small"].sla and source.error is not None


def test_one_bad_pack_does_not_keep_another_from_its_change(pack: Pack) -> None:
    second(pack)
    source = PolicySource(pack.folder)
    names = set(source.packs.by_name)
    assert len(names) == 2
    break_it(pack)
    path = pack.path("departments", "beside")
    path.write_text(path.read_text("utf-8").replace('version: "7"', 'version: "8x"'), "utf-8")
    assert source.refresh()
    assert {one.version.partition("+")[0] for one in source.packs.by_name.values()} == {"7", "8x"}
    assert source.error is not None and source.stale == {"small"}


def test_a_bad_pack_that_never_was_good_is_left_out_and_the_others_are_used(pack: Pack) -> None:
    second(pack)
    pack.path("sla", "beside").write_text("nonsense", "utf-8")
    source = PolicySource(pack.folder)
    assert set(source.packs.by_name) == {"small"} and source.error is not None


def test_of_two_packs_that_cannot_be_together_the_new_one_gives_way(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    shutil.copytree(pack.folder / "small", pack.folder / "a-copy")
    source.refresh()
    assert source.error is not None and set(source.good) == {"small"}


def test_kept_files_that_this_version_refuses_are_not_used(pack: Pack) -> None:
    kept = {"small": KeptPack("small", "7+0", {"routing.yaml": b"rules: []"}, SINCE)}
    break_it(pack)
    with pytest.raises(PolicyError):
        PolicySource(pack.folder, kept)


def test_what_is_refused_is_told_with_file_line_and_mend(pack: Pack) -> None:
    break_it(pack)
    loaded = load_sound(pack.folder, {})
    assert [(one.file, one.line) for one in loaded.problems] == [("small/routing.yaml", 17)]


def rename_repair(pack: Pack) -> None:
    """As if the department repair were closed and its work given to another one; the files are sound."""
    for file in ("departments", "routing", "sla", "calendars", "notices"):
        path = pack.path(file)
        path.write_text(path.read_text("utf-8").replace("repair", "mending"), "utf-8")


def test_a_department_that_has_open_cases_is_not_left_out_until_they_are_gone(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    before = source.packs["small"].version
    rename_repair(pack)
    assert source.refresh({"repair": 3, "desk": 1}) is False
    assert source.packs["small"].version == before
    assert (source.held, source.stale) == ({"repair"}, {"small"})
    assert "department repair is left out and has 3 open cases" in str(source.error)
    assert source.refresh({"repair": 1}) is False and "1 open case " in str(source.error)
    assert source.refresh({"mending": 1}) is True
    assert "mending" in source.packs["small"].departments and source.error is None and source.held == frozenset()


def test_a_new_process_does_not_leave_it_out_either(pack: Pack) -> None:
    kept = kept_of(PolicySource(pack.folder))
    rename_repair(pack)
    source = PolicySource(pack.folder, kept, {"repair": 1})
    assert "repair" in source.packs["small"].departments and source.stale == {"small"}
    assert "mending" in PolicySource(pack.folder, kept, {"desk": 9}).packs["small"].departments


def test_a_whole_pack_that_is_taken_away_stays_while_it_has_open_cases(pack: Pack) -> None:
    second(pack)
    source = PolicySource(pack.folder)
    shutil.rmtree(pack.folder / "beside")
    source.refresh({"b-repair": 2})
    assert set(source.packs.by_name) == {"small", "beside"}
    assert source.refresh({}) is True
    assert set(source.packs.by_name) == {"small"}
