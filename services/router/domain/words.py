"""Search words of the desk: Chinese in pairs of characters, scripts with blanks in words, as a `tsvector` with positions.

A phrase of pairs is the same as a substring of the text, so a hit needs no second look (measured in the design's notes).
"""

import re
import unicodedata
from itertools import islice
from operator import add

from shared.policies.words import unified

_PAIRED = (
    "\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer; Hangul letters
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff"
    "\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff\U000f0000-\U0010ffff"  # rare Han, and what fonts have for rarer ones
)
"""Scripts that are written without blanks between the words, or with endings that grow onto them (Korean)."""
_MARKS = "".join(chr(code) for code in range(0x300, 0x2000) if unicodedata.category(chr(code)) in {"Mn", "Mc"})
_OTHER = rf"(?![{_PAIRED}])[^\W_]"
_RUN = re.compile(rf"[{_PAIRED}]+|[0-9a-z\u00df-\u024f]+|{_OTHER}(?:{_OTHER}|[{_MARKS}])*")
"""Runs of one kind; the usual two kinds are told by classes alone, which costs a third of a look ahead."""
_is_paired = re.compile(f"[{_PAIRED}]").match
_FIRST_OTHER = "\u0250"
_ASCII_SPACES = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))
"""What `_RUN` finds in ASCII, for `str.translate`: an English text is taken apart in half the time."""
MAX_POSITION = 4_000
"""Words beyond this are not indexed; Postgres itself ends at 16,383."""
_PLACES = tuple(f"':{position}" for position in range(1, MAX_POSITION + 1))
_TITLE_PLACES = tuple(f"{place}A" for place in _PLACES)
MAX_QUERY_WORDS = 12
_REFERENCE_PART = re.compile(r"(?:R-?)?([0-9A-Z]{4})-?([0-9A-Z]{1,4})")


def words_of(text: str) -> list[str]:
    """The words of a text in order; a run of n Chinese (Korean, Thai …) characters gives n-1 pairs, or its only character."""
    if text.isascii():
        return [word[:64] for word in text.lower().translate(_ASCII_SPACES).split()]
    found: list[str] = []
    for run in _RUN.findall(unified(text).lower()):
        if run[0] < _FIRST_OTHER or len(run) == 1 or not _is_paired(run):
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

    Each blank-separated part must occur; a Chinese part occurs as a phrase, the last Latin word may be a beginning. A part
    that may be one of a reference is looked for as that too.
    """
    parts: list[str] = []
    for typed in wish.split()[:MAX_QUERY_WORDS]:
        words = words_of(typed)[:MAX_QUERY_WORDS]
        if words:
            phrase = " <-> ".join(_term(word) for word in words)
            reference = _part_of_reference(typed)
            parts.append(f"({phrase} | {reference})" if reference else f"({phrase})")
    return " & ".join(parts) or None


def _part_of_reference(typed: str) -> str:
    """`4k7m-2x`, `R4K7M2`, `7M-2XA9`: the two groups of a reference as they are indexed, the last one as a beginning."""
    found = _REFERENCE_PART.fullmatch(typed.upper())
    if found is None or typed.isalpha():
        return ""
    first, last = (group.lower() for group in found.groups())
    return f"('{first}' <-> '{last}':*)"


def _term(word: str) -> str:
    """A single Chinese character is the beginning of a pair; a word of three letters may be one of a longer word."""
    beginning = len(word) == 1 if _is_paired(word) else len(word) >= 3
    return f"'{word}':*" if beginning else f"'{word}'"
