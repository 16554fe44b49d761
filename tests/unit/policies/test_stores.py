"""`stores.yaml`: refused with file, line and mend where it is wrong; known to rules; left out by whoever has no list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import pytest
from typer.testing import CliRunner

from deploy.cli.policies import app
from shared.policies import PolicyError, PolicySource, Problem, load_pack, load_packs
from shared.policies.packs import KeptPack, load_sound
from shared.policies.stores import MAX_STORES, store_told

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "policies"
STORES = """\
stores:
  - {id: SH-021, name: {zh: 徐家汇店, en: Xujiahui}}
  - {id: CD/05, name: {zh: 科华店, en: Kehua}}
"""
LONG = "长" * 81


class Pack(Protocol):
    folder: Path

    def spoil(self, file: str, old: str, new: str) -> None: ...
    def path(self, file: str, pack: str = "small") -> Path: ...
    def problems(self) -> tuple[Problem, ...]: ...


@pytest.fixture
def listed(pack: Pack) -> Pack:
    pack.path("stores").write_text(STORES, encoding="utf-8")
    return pack


def test_a_pack_knows_its_stores_in_the_order_of_the_file(listed: Pack) -> None:
    stores = load_pack(listed.folder / "small").stores
    assert list(stores) == ["SH-021", "CD/05"]
    assert [store_told(stores, "SH-021", language) for language in ("zh", "en")] == [
        "徐家汇店 · SH-021",
        "Xujiahui · SH-021",
    ]
    assert store_told(stores, "the one by the station", "en") == "the one by the station"


def test_the_version_changes_with_the_list_and_without_one_is_what_it_was(pack: Pack) -> None:
    source = PolicySource(pack.folder)
    before = source.packs["small"].version
    assert before == "7+4482bb7f" and not source.packs["small"].stores, "packs of before keep their version"
    pack.path("stores").write_text(STORES, encoding="utf-8")
    assert source.refresh() and source.packs["small"].version not in (before, "")
    pack.path("stores").unlink()
    assert source.refresh() and source.packs["small"].version == before


@pytest.mark.parametrize(
    ("old", "new", "line", "reason", "mend"),
    [
        ("CD/05", "SH-021", 3, "store 'SH-021' is given twice", "another id"),
        ("CD/05", "sh-021", 3, "'sh-021' differs from 'SH-021' by capital letters only", "another id"),
        ("CD/05", "'a shop'", 3, "stores[1].id: a store's id is what channels send", "holds"),
        ("CD/05", "S" * 65, 3, "at most 64", "holds"),
        ("CD/05", "12", 3, "stores[1].id: input should be a valid string", "in quotes"),
        (", en: Kehua", "", 3, "stores[1].name.en is missing", "add it"),
        ("en: Kehua", "en: ' '", 3, "stores[1].name.en", "holds"),
        ("科华店", LONG, 3, "stores[1].name.zh: string should have at most 80 characters", "shorten it"),
        ("{zh: 科华店", "{zh: 科华店, city: 成都", 3, "unknown field stores[1].name.city", "check the spelling"),
        (STORES, "stores: []\n", 1, "stores: tuple should have at least 1 item", "holds"),
        (STORES, "", 1, "the file is empty", "fill it"),
        (STORES, "shops: []\n", 1, "unknown field shops", "check the spelling"),
    ],
)
def test_a_list_is_refused_with_place_and_mend(
    listed: Pack, old: str, new: str, line: int, reason: str, mend: str
) -> None:
    listed.spoil("stores", old, new)
    matching = [problem for problem in listed.problems() if reason in problem.reason]
    assert matching, "\n".join(map(str, listed.problems()))
    assert (matching[0].file, matching[0].line) == ("small/stores.yaml", line)
    assert mend in matching[0].mend


def test_more_stores_than_a_form_can_offer_are_refused(listed: Pack) -> None:
    lines = [f"  - {{id: S{n}, name: {{zh: 店{n}, en: Shop {n}}}}}" for n in range(MAX_STORES + 1)]
    listed.path("stores").write_text("\n".join(["stores:", *lines]), encoding="utf-8")
    assert f"at most {MAX_STORES} items" in str(listed.problems()[0])


def test_a_rule_that_tests_a_store_nobody_has_is_named(listed: Pack) -> None:
    listed.spoil("routing", "when: {category: [repair]}", "when:\n      store: [CD/05, SH-012]")
    (problem,) = listed.problems()
    line = 1 + next(
        n for n, text in enumerate(listed.path("routing").read_text("utf-8").splitlines()) if "SH-012" in text
    )
    assert str(problem) == f"small/routing.yaml:{line}: unknown store 'SH-012' (did you mean SH-021?)"


def test_a_priority_rule_is_looked_at_too_and_without_a_list_every_store_may_be_tested(pack: Pack) -> None:
    pack.spoil("routing", "when: {words: {any: {zh: [起火]", "when: {store: [nobody], words: {any: {zh: [起火]")
    load_packs(pack.folder)
    pack.path("stores").write_text(STORES, encoding="utf-8")
    assert "unknown store 'nobody' (use one of: CD/05, SH-021)" in str(pack.problems()[0])


def test_a_refused_list_leaves_the_last_good_one_in_force_also_after_a_restart(listed: Pack) -> None:
    source = PolicySource(listed.folder)
    kept = {name: KeptPack(one.folder, one.version, one.files) for name, one in source.good.items()}
    listed.spoil("stores", "CD/05", "SH-021")
    with pytest.raises(PolicyError):
        PolicySource(listed.folder)
    after = load_sound(listed.folder, kept)
    assert (list(after.packs["small"].stores), after.stale) == (["SH-021", "CD/05"], {"small"})
    assert after.packs["small"].version == source.packs["small"].version


def test_a_list_that_cannot_be_read_is_not_taken_for_none(listed: Pack) -> None:
    listed.path("stores").unlink()
    listed.path("stores").mkdir()
    assert "cannot be read" in str(listed.problems()[0])


def test_explain_tells_the_store_and_whether_the_list_has_it(listed: Pack) -> None:
    def explained(store: str, *more: str) -> str:
        given = ["explain", "--dir", str(listed.folder), "--pack", "small", "--text", "x", "--store", store, *more]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "store     徐家汇店 · SH-021\n" in explained("SH-021", "--language", "zh")
    assert "store     SH-099  (not in stores.yaml" in explained("SH-099")
    assert json.loads(explained("CD/05", "--json"))["store"] == {"id": "CD/05", "name": {"zh": "科华店", "en": "Kehua"}}
    assert json.loads(explained("x", "--json"))["store"] == {"id": "x", "name": None}
    listed.path("stores").unlink()
    assert "store     SH-099\n" in explained("SH-099")


def test_the_shipped_lists_have_every_shop_of_the_shipped_examples() -> None:
    packs = load_packs(SHIPPED)
    for name, pack in packs.by_name.items():
        lines = (SHIPPED.parent / "play" / "examples" / f"{name}.jsonl").read_text("utf-8").splitlines()
        told = {store for line in lines if (store := json.loads(line).get("store_id"))}
        assert told and told <= set(pack.stores), name
