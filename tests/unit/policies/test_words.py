"""How the words of a policy are found, against a slow and obvious reference."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policies.words import Word, WordIndex


def finds(word: str, text: str) -> bool:
    return bool(WordIndex.of([Word.read(word)]).found_in(text))


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("退款", "我要退款！", True),
        ("退款", "我要退，款呢", False),
        ("起火", "充电宝起火了", True),
        ("12315", "我要打12315投诉", True),
        ("app闪退", "你们的APP闪退", True),
        ("app闪退", "ＡＰＰ闪退", True),
        ("refund", "Where is my REFUND?", True),
        ("refund", "refunded", False),
        ("refund*", "refunded", True),
        ("refund*", "prefund", False),
        ("credit report", "my credit  report's wrong", True),
        ("credit report", "credit, report", True),
        ("credit report", "credit my report", False),
        ("credit report*", "the credit reports", True),
        ("a&e", "we went to A&E", True),
        ("can't", "I can’t sleep", True),
        ("café", "the CAFÉ", True),
        ("café", "the CAFE\u0301", True),
        ("app", "打开app就闪退", True),
        ("投訴", "投诉", False),
    ],
)
def test_a_word_is_found_as_people_expect(word: str, text: str, expected: bool) -> None:
    assert finds(word, text) is expected


@pytest.mark.parametrize("bad", ["", "  ", "!", "*", "ab*", "re*fund", "*fund", "退*", "退 款", "退，款"])
def test_words_that_mean_nothing_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"letter|punctuation|very end"):
        Word.read(bad)


LETTERS = st.text("abc", min_size=1, max_size=4)
PHRASE = st.lists(LETTERS, min_size=1, max_size=3).map(" ".join)
OPEN = PHRASE.filter(lambda phrase: len(phrase.split()[-1]) >= 3).map(lambda phrase: f"{phrase}*")
CHINESE = st.text("退款起火机", min_size=1, max_size=4)
WORD = PHRASE | OPEN | CHINESE
TEXT = st.lists(LETTERS | CHINESE | st.sampled_from([" ", "，", ",", "Ａ", "\u00a0", "②", "é"]), max_size=30).map(
    lambda parts: "".join(part if ord(part[0]) > 127 or not part.isalpha() else f" {part}" for part in parts)
)


def reference(word: str, text: str) -> bool:
    text = unicodedata.normalize("NFKC", text).casefold()
    if re.search("[退款起火机]", word):
        return word in text
    tokens = f" {' '.join(re.findall(r'[0-9a-zß-ɏ]+', text))} "
    return f" {word[:-1]}" in tokens if word.endswith("*") else f" {word} " in tokens


@settings(deadline=None, max_examples=300)
@given(st.lists(WORD, unique=True, max_size=12), TEXT)
def test_all_words_are_found_at_once_and_no_others(words: list[str], text: str) -> None:
    expected = {word for word in words if reference(word, text)}
    assert WordIndex.of([Word.read(word) for word in words]).found_in(text) == expected


@settings(deadline=None, max_examples=300)
@given(WORD, WORD, TEXT)
def test_a_word_that_implies_another_never_stands_without_it(one: str, other: str, text: str) -> None:
    if Word.read(one).implies(Word.read(other)) and finds(one, text):
        assert finds(other, text)


@given(WORD)
def test_a_word_implies_itself(word: str) -> None:
    assert Word.read(word).implies(Word.read(word))


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300))
def test_any_text_at_all_can_be_searched(text: str) -> None:
    WordIndex.of([Word.read(word) for word in ("退款", "refund*", "a b")]).found_in(text)
