"""What people read says each thing by one word: the list is in docs/glossary.md (trial, E9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
_HALF_BRACKETS = re.compile(r"[\u4e00-\u9fff，。：；]\s*\(|\)\s*[\u4e00-\u9fff，。：；]|\([^()]*[\u4e00-\u9fff]")


def never() -> dict[str, str]:
    """What is never said → what is said in its place."""
    table = (ROOT / "docs/glossary.md").read_text("utf-8").partition("## One word per meaning")[2]
    rows = [(say, other) for say, other in _ROW.findall(table) if say not in {"say", "---"}]
    return {word: say for say, others in rows for word in others.split(", ") if word != "()"}


def said() -> Iterator[tuple[str, str]]:
    """Every text people read, with where it stands."""
    for file in sorted([*ROOT.glob("services/**/texts/*.yaml"), *ROOT.glob("shared/**/texts/*.yaml")]):
        for key, text in _leaves(yaml.safe_load(file.read_text("utf-8"))):
            yield f"{file.relative_to(ROOT)}: {key}", text
    templates = [*ROOT.glob("services/notifier/templates/*/*.j2"), *ROOT.glob("services/notifier/templates/*/*.yaml")]
    for file in sorted(templates):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            yield f"{file.relative_to(ROOT)}:{number}", re.sub(r"{[{%].*?[%}]}", "", line)


def _leaves(tree: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, f"{path}.{name}" if path else str(name))
    elif isinstance(tree, str):
        yield path, tree


def test_the_list_is_read() -> None:
    assert never()["进度"] == "进展"
    assert len(never()) > 12


@pytest.mark.parametrize("word", sorted(never()))
def test_no_text_says_it_by_another_word(word: str) -> None:
    wrong = [place for place, text in said() if re.search(rf"(?<![A-Za-z]){re.escape(word)}", text)]
    assert wrong == [], f"say “{never()[word]}”"


def test_chinese_sentences_have_chinese_brackets() -> None:
    assert [(place, text) for place, text in said() if _HALF_BRACKETS.search(text)] == []


def test_one_remedy_has_one_name_on_every_page_and_in_mails() -> None:
    """Four lists of them: the forms, the desk, the customer's page, the mails."""
    lists = {
        "services/intake/http/templates/texts/file.yaml": "wanted",
        "services/router/http/templates/texts/case.yaml": "remedy",
        "services/notifier/http/templates/texts/progress.yaml": "progress.remedy",
        "services/notifier/templates/zh/labels.yaml": "remedies",
    }
    found: dict[str, set[str]] = {}
    for file, place in lists.items():
        tree = yaml.safe_load((ROOT / file).read_text("utf-8"))
        for step in place.split("."):
            tree = tree[step]
        for code, text in tree.items():
            found.setdefault(code, set()).add((text["zh"] if isinstance(text, dict) else text).removeprefix("一个"))
    assert {code: names for code, names in found.items() if len(names) > 1} == {}
