"""How words in a policy meet words in a complaint.

A policy has no patterns of its own (a pattern can be made to run for hours), only words:

* A word with a Chinese character is found anywhere in the text (退款 in 我要退款).
* Any other word is found as whole words in a row (`credit report`); a part that ends in `*` stands for every word that
  begins with it (`refund*` finds refunded). Punctuation and apostrophes separate words.

Both sides are folded first: NFKC (full width becomes half width), then case. Traditional characters are other
characters than simplified ones; list both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

#: Ideographs, kana and hangul: scripts written without spaces.
_CJK = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_TOKEN = re.compile(r"[0-9a-z\u00df-\u024f]+")
_STEM_MIN = 3


def fold(text: str) -> str:
    """Return `text` with width and case folded, as both sides of a comparison need it."""
    return unicodedata.normalize("NFKC", text).casefold()


@dataclass(frozen=True, slots=True)
class Word:
    """One word or phrase of a policy, folded and taken apart.

    Attributes:
        written: as the policy file has it.
        infix: what to look for anywhere in the text; empty for a phrase of whole words.
        parts: whole words in a row, each with whether it is only a beginning.
    """

    written: str
    infix: str
    parts: tuple[tuple[str, bool], ...]

    @classmethod
    def read(cls, written: str) -> Word:
        """Take a policy's word apart.

        Raises:
            ValueError: nothing to look for, or a `*` anywhere but at the end of a part of three letters or more.
        """
        folded = fold(written.strip())
        if _CJK.search(folded):
            if "*" in folded:
                raise ValueError(f"{written!r}: a Chinese word is found anywhere and takes no *")
            return cls(written, folded, ())
        parts = []
        for chunk in folded.split():
            stem = chunk.endswith("*")
            tokens = _TOKEN.findall(chunk)
            if "*" in chunk[:-1] or (stem and (not tokens or len(tokens[-1]) < _STEM_MIN)):
                raise ValueError(f"{written!r}: * may only end a part of at least {_STEM_MIN} letters")
            parts += [(token, stem and place == len(tokens) - 1) for place, token in enumerate(tokens)]
        if not parts:
            raise ValueError(f"{written!r} has no letter, digit or character to look for")
        return cls(written, "", tuple(parts))

    def implies(self, other: Word) -> bool:
        """Tell whether every text with this word also has the other one."""
        if self.infix or other.infix:
            return bool(self.infix and other.infix and other.infix in self.infix)
        width = len(other.parts)
        return any(
            all(_narrower(mine, theirs) for mine, theirs in zip(self.parts[at : at + width], other.parts, strict=True))
            for at in range(len(self.parts) - width + 1)
        )


def _narrower(mine: tuple[str, bool], theirs: tuple[str, bool]) -> bool:
    if theirs[1]:
        return mine[0].startswith(theirs[0])
    return mine == theirs


#: A phrase waiting to be confirmed: its parts, which of them was met, and how the policy writes it.
_Candidate = tuple[tuple[tuple[str, bool], ...], int, str]


@dataclass(slots=True)
class WordIndex:
    """Finds all words of a policy in a text in one pass; built once when the policy is loaded.

    Cost is one or two dictionary look-ups per different token, and one substring search per Chinese word whose first
    two characters both occur, whatever the number of rules. A phrase is looked for at its longest part, the rarest one.
    """

    _whole: dict[str, list[_Candidate]] = field(default_factory=dict)
    _stems: dict[str, list[tuple[str, _Candidate]]] = field(default_factory=dict)
    _infixes: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Iterable[Word]) -> WordIndex:
        """Build the index over every distinct word."""
        index = cls()
        for word in dict.fromkeys(words):
            if word.infix:
                index._infixes.setdefault(word.infix[0], []).append((word.infix[1:2], word.infix, word.written))
                continue
            at = max(range(len(word.parts)), key=lambda place: len(word.parts[place][0]))
            token, stem = word.parts[at]
            candidate = (word.parts, at, word.written)
            if stem:
                index._stems.setdefault(token[:_STEM_MIN], []).append((token, candidate))
            else:
                index._whole.setdefault(token, []).append(candidate)
        return index

    def found_in(self, text: str) -> frozenset[str]:
        """Return the words, as written in the policy, that occur in `text` (not yet folded)."""
        folded = fold(text)
        found: set[str] = set()
        if not folded.isascii():
            characters = set(folded)
            for first in characters & self._infixes.keys():
                for second, infix, written in self._infixes[first]:
                    if (not second or second in characters) and infix in folded:
                        found.add(written)
        tokens = _TOKEN.findall(folded)
        distinct = set(tokens)
        for token in distinct & self._whole.keys():
            for candidate in self._whole[token]:
                self._confirm(token, candidate, tokens, found)
        for token in distinct:
            for stem, candidate in self._stems.get(token[:_STEM_MIN], ()):
                if token.startswith(stem):
                    self._confirm(token, candidate, tokens, found)
        return frozenset(found)

    def _confirm(self, token: str, candidate: _Candidate, tokens: list[str], found: set[str]) -> None:
        parts, at, written = candidate
        if written not in found and (len(parts) == 1 or _stands(tokens, token, parts, at)):
            found.add(written)


def _stands(tokens: list[str], token: str, parts: tuple[tuple[str, bool], ...], at: int) -> bool:
    """Tell whether the whole phrase stands around some occurrence of the token met as part number `at`."""
    place = -1
    while True:
        try:
            place = tokens.index(token, place + 1)
        except ValueError:
            return False
        begin = place - at
        if begin >= 0 and len(around := tokens[begin : begin + len(parts)]) == len(parts):
            pairs = zip(around, parts, strict=True)
            if all(word.startswith(part) if stem else word == part for word, (part, stem) in pairs):
                return True
