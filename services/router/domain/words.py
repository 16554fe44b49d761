"""Search words of the desk: Chinese in pairs of characters, everything else in words, as a `tsvector` with positions.

A phrase of pairs is the same as a substring of the text, so a hit needs no second look (measured in the design's notes).
"""

import re
from itertools import islice
from operator import add

from shared.policies.words import unified

_RUN = re.compile(
    r"[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[0-9a-z\u00df-\u024f]+"
)
_ASCII_SPACES = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))
"""What `_RUN` finds in ASCII, for `str.translate`: an English text is taken apart in half the time."""
_FIRST_LATIN = "\u0250"
MAX_POSITION = 4_000
"""Words beyond this are not indexed; Postgres itself ends at 16,383."""
_PLACES = tuple(f"':{position}" for position in range(1, MAX_POSITION + 1))
_TITLE_PLACES = tuple(f"{place}A" for place in _PLACES)
MAX_QUERY_WORDS = 12


def words_of(text: str) -> list[str]:
    """The words of a text in order; a Chinese run of n characters gives n-1 pairs, or its only character."""
    if text.isascii():
        return [word[:64] for word in text.lower().translate(_ASCII_SPACES).split()]
    found: list[str] = []
    for run in _RUN.findall(unified(text).lower()):
        if run[0] < _FIRST_LATIN or len(run) == 1:
            found.append(run[:64])
        else:
            found.extend(map(add, run, run[1:]))
    return found


def vector_of(title: str, body: str) -> str:
    """The text form of a `tsvector`: words of the title weigh more (A) than those of the body.

    Words hold letters and digits only, so none needs quoting beyond the apostrophes. A word that stands there several
    times is told each time; Postgres puts its positions together and keeps the first 255.
    """
    heading = words_of(title)
    behind = islice(_PLACES, len(heading) + 2, None)  # a phrase never spans title and body
    told = [*map(add, heading, _TITLE_PLACES), *map(add, words_of(body), behind)]
    return "'" + " '".join(told) if told else ""


def query_of(wish: str) -> str | None:
    """The text form of a `tsquery` for what somebody typed; `None` when there is nothing to look for.

    Each blank-separated part must occur; a Chinese part occurs as a phrase, the last Latin word may be a beginning.
    """
    parts: list[str] = []
    for typed in wish.split()[:MAX_QUERY_WORDS]:
        words = words_of(typed)[:MAX_QUERY_WORDS]
        if words:
            parts.append("(" + " <-> ".join(_term(word) for word in words) + ")")
    return " & ".join(parts) or None


def _term(word: str) -> str:
    """A single Chinese character is the beginning of a pair; a Latin word of three letters may be one of a longer word."""
    beginning = len(word) == 1 if word[0] >= _FIRST_LATIN else len(word) >= 3
    return f"'{word}':*" if beginning else f"'{word}'"
