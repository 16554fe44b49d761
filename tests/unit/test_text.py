"""What people type: all scripts stay, nothing reorders what is shown, and what shows nothing is blank (E7, G5)."""

import pytest

from shared.text import has_content, kept

BLANKS = (
    "\u200b",
    "\u2060",
    "\ufeff",
    "\u3164",
    "\u2800",
    "\ufe0f",
    "\u034f",
    "\U000e0020",
    "\u00a0",
    "\u115f",
    "\u180e",
)


@pytest.mark.parametrize("text", [*BLANKS, "".join(BLANKS), "", " \n\t", "\u0301", "\u202e"])
def test_what_shows_nothing_has_no_content(text: str) -> None:
    assert not has_content(text)


@pytest.mark.parametrize(
    "text",
    ["a", ".", "好", "\u200bא", "🙂", "👨‍👩‍👧", "\U00031350", "\ue863", "\U0001fae8", "한", "ا", "\u0e40", "\u20ac"],
)
def test_everything_else_has(text: str) -> None:
    assert has_content(text)


@pytest.mark.parametrize(
    ("written", "stays"),
    [
        (" a\r\nb\rc ", "a\nb\nc"),
        ("pay \u202e001\u202c now\u2066", "pay 001 now"),
        ("bell\x07 nul\x00 esc\x1b[31m", "bell nul esc[31m"),
        ("half \ud83d", "half"),
    ],
)
def test_control_and_direction_characters_are_dropped(written: str, stays: str) -> None:
    assert kept(written) == stays


@pytest.mark.parametrize(
    "text",
    ["\U00031350字", "\ue863", "\U0001fae8", "👨‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f", "退款 🙂 é", "می\u200cخواهم"],
)
def test_rare_new_and_joined_characters_stay(text: str) -> None:
    assert kept(text) == text
