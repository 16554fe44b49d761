"""What the desk's search looks for."""

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.router.domain.words import MAX_POSITION, query_of, vector_of, words_of


def test_chinese_is_taken_in_pairs_and_other_scripts_in_words() -> None:
    assert words_of("快递延误 LATE again，退") == ["快递", "递延", "延误", "late", "again", "退"]
    assert words_of("ＡＢＣ１２３") == ["abc123"]


def test_words_of_the_title_weigh_more_and_no_phrase_spans_title_and_body() -> None:
    assert vector_of("快递 late", "延误") == "'快递':1A 'late':2A '延误':5"


def test_a_word_that_comes_again_is_told_with_each_place() -> None:
    assert vector_of("late", "Late, 迟到 late") == "'late':1A 'late':4 '迟到':5 'late':6"


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=200))
def test_plain_english_is_taken_apart_like_everything_else(text: str) -> None:
    assert words_of("退 " + text) == ["退", *words_of(text)]


PLAIN = "退款坏了aBz9ÀÿßÖ\u00a0\u2011\u2017\u2022…\u3000、。〈】！（），．：；？-'ＡｂＺ９ﬁ②é\u0301ⅣＫ\u212aｶﾞ\u0130"


@settings(deadline=None)  # the long example takes as long as the machine does
@given(st.text(alphabet=PLAIN, max_size=60) | st.text(max_size=60))
@example("".join(chr(code) for code in range(0x20, 0xFF60)))
def test_folding_the_width_only_where_needed_changes_no_word(text: str) -> None:
    assert words_of(text) == words_of(unicodedata.normalize("NFKC", text))


def test_a_chinese_wish_is_a_phrase_and_every_part_must_occur() -> None:
    assert query_of("快递延误 late") == "('快递' <-> '递延' <-> '延误') & ('late':*)"
    assert query_of("退 it") == "('退':*) & ('it')"


def test_every_script_has_words_to_be_found_by() -> None:
    """Rare Han, Cyrillic, Hangul, Arabic, Hindi with its marks, Thai without blanks, private use (trial, E7)."""
    assert words_of("\U00020bb7野家") == ["\U00020bb7野", "野家"]
    assert words_of("\U00031350\ue863") == ["\U00031350\ue863"]
    assert words_of("Посылка не пришла!") == ["посылка", "не", "пришла"]
    assert words_of("배송이 늦어요") == ["배송", "송이", "늦어", "어요"]
    assert words_of("لم تصل الشحنة؟") == ["لم", "تصل", "الشحنة"]
    assert words_of("मेरा पार्सल") == ["मेरा", "पार्सल"]
    assert words_of("ของหาย") == ["ขอ", "อง", "งห", "หา", "าย"]
    assert query_of("посыл") == "('посыл':*)"
    assert query_of("배송") == "('배송')"


def test_a_part_of_a_reference_is_looked_for_as_one() -> None:
    assert query_of("4K7M") == "('4k7m':*)"
    assert query_of("4k7m-2x") == "('4k7m':* <-> '2x' | ('4k7m' <-> '2x':*))"
    assert query_of("R4K7M2XA9") == "('r4k7m2xa9':* | ('4k7m' <-> '2xa9':*))"
    assert query_of("4k7m2xa") == "('4k7m2xa':* | ('4k7m' <-> '2xa':*))"
    assert query_of("delivery") == "('delivery':*)", "a word is no reference"


def test_nothing_to_look_for_is_no_query() -> None:
    assert query_of("，。 !! '") is None


@given(st.text(max_size=300))
def test_no_input_escapes_its_quotes(text: str) -> None:
    for made in (query_of(text) or "", vector_of(text, text)):
        assert made.count("'") % 2 == 0
        assert "''" not in made
        assert "\\" not in made


@given(st.text(alphabet="快递延误退款", min_size=2, max_size=40), st.data())
def test_every_part_of_a_chinese_text_is_found_as_a_phrase_of_its_pairs(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 2))
    part = text[start : data.draw(st.integers(start + 2, len(text)))]
    whole, wanted = words_of(text), words_of(part)
    assert any(whole[at : at + len(wanted)] == wanted for at in range(len(whole)))


def test_very_long_texts_end_somewhere() -> None:
    assert vector_of("", "快" * 20_000).count(":") <= MAX_POSITION
