"""The catalogue refuses what is half translated, and fills in texts safely."""

from pathlib import Path

import pytest

from shared.runtime.web.texts import Catalogue, TextError


def load(folder: Path, yaml: str) -> Catalogue:
    (folder / "page.yaml").write_text(yaml, encoding="utf-8")
    return Catalogue.load([folder])


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("a: {zh: 甲}", "a: en is missing"),
        ("a: {en: A}", "a: zh is missing"),
        ('a: {zh: "", en: A}', "a: zh is missing"),
        ("a: {b: {zh: 甲}}", "a.b: en is missing"),
        ("a: {zh: 甲, en: A, fr: A}", "a: unknown language ['fr']"),
        ('a: {zh: "{n} 个", en: "{m} of them"}', "a: placeholders differ between zh and en"),
        ("a: plain", "a: must have zh and en"),
        ("[1, 2]", "not a mapping"),
    ],
)
def test_a_half_translated_text_does_not_load(tmp_path: Path, yaml: str, said: str) -> None:
    with pytest.raises(TextError, match="page") as refused:
        load(tmp_path, yaml)
    assert said in str(refused.value)


def test_a_key_said_twice_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("a: {zh: 甲, en: A}", encoding="utf-8")
    with pytest.raises(TextError, match="said twice"):
        load(tmp_path, "a: {zh: 乙, en: B}")


def test_nested_and_dotted_keys_are_the_same_key(tmp_path: Path) -> None:
    texts = load(tmp_path, "page:\n  title: {zh: 标题, en: Title}\n  title.long: {zh: 长标题, en: Long title}\n")
    assert texts.say("page.title", "zh") == "标题"
    assert texts.say("page.title.long", "en") == "Long title"
    assert texts.keys("page.") == ["page.title", "page.title.long"]


def test_english_has_a_form_for_one(tmp_path: Path) -> None:
    texts = load(tmp_path, 'count: {zh: "{n} 件", en: {one: "1 case", other: "{n} cases"}}')
    assert [texts.say("count", "en", n=n) for n in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]
    assert texts.say("count", "zh", n=1) == "1 件"


def test_what_is_filled_into_markup_is_escaped(tmp_path: Path) -> None:
    texts = load(tmp_path, 'note_html: {zh: "<b>{name}</b>", en: "<i>{name}</i>"}\nplain: {zh: "{name}", en: "{name}"}')
    assert str(texts.say("note_html", "zh", name="<script>")) == "<b>&lt;script&gt;</b>"
    assert not hasattr(texts.say("plain", "zh", name="<script>"), "__html__")


def test_an_unknown_key_and_a_missing_value_are_errors(tmp_path: Path) -> None:
    texts = load(tmp_path, 'a: {zh: "{n}", en: "{n}"}')
    with pytest.raises(KeyError):
        texts.say("b", "zh")
    with pytest.raises(KeyError):
        texts.say("a", "zh")


def test_braces_of_a_value_are_not_filled_in_again(tmp_path: Path) -> None:
    texts = load(tmp_path, 'a: {zh: "{x}", en: "{x}"}')
    assert texts.say("a", "zh", x="{x} {{7*7}} {0.__class__}") == "{x} {{7*7}} {0.__class__}"
