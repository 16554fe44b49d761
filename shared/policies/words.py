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
from itertools import pairwise

#: Ideographs, kana and hangul: scripts written without spaces.
_CJK = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_TOKEN = re.compile(r"[0-9a-z\u00df-\u024f]+")
_STEM_MIN = 3
#: Texts of these characters only look the same after NFKC, or differ only in punctuation that no word may have.
_PLAIN = re.compile(
    r"[\x00-\xa0\u00c0-\u00ff\u2010-\u2022\u2026\u3000-\u3002\u3008-\u3011\u4e00-\u9fff\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f]*"
)


def fold(text: str) -> str:
    """Return `text` with width and case folded, as both sides of a comparison need it.

    Punctuation is folded only where something else needs folding: NFKC takes most of the time of a decision, and almost
    every Chinese text has a full-width comma.
    """
    return (text if _PLAIN.fullmatch(text) else unicodedata.normalize("NFKC", text)).casefold()


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
            if not folded.isalnum():
                raise ValueError(f"{written!r}: a Chinese word is found anywhere; it has no *, space or punctuation")
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

    Whatever the number of rules, the cost is one scan for pairs of Chinese characters that begin a word, one for tokens,
    and one or two dictionary look-ups per different token and pair.
    """

    _single: re.Pattern[str] | None = None
    _begins: re.Pattern[str] | None = None
    _infixes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _whole: dict[str, list[str]] = field(default_factory=dict)
    _pairs: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _phrases: dict[str, list[_Candidate]] = field(default_factory=dict)
    _stems: dict[str, list[tuple[str, _Candidate]]] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Iterable[Word]) -> WordIndex:
        """Build the index over every distinct word."""
        index = cls()
        for word in dict.fromkeys(words):
            if word.infix:
                index._infixes.setdefault(word.infix[:2], []).append((word.infix, word.written))
            else:
                index._add(word)
        single = "".join(infix for infix in index._infixes if len(infix) == 1)
        pairs = [infix for infix in index._infixes if len(infix) == 2]
        if single:
            index._single = re.compile(f"[{single}]")
        if pairs:
            first, second = ("".join({pair[place] for pair in pairs}) for place in (0, 1))
            # A look-ahead, since the next word may begin inside this one (安装师傅 in 上门安装师傅).
            index._begins = re.compile(f"(?=([{first}][{second}]))")
        return index

    def _add(self, word: Word) -> None:
        tokens = tuple(token for token, _ in word.parts)
        if not any(stem for _, stem in word.parts) and len(tokens) <= 2:
            if len(tokens) == 1:
                self._whole.setdefault(tokens[0], []).append(word.written)
            else:
                self._pairs.setdefault((tokens[0], tokens[1]), []).append(word.written)
            return
        # A phrase is looked for at its longest part, the rarest one as a rule.
        at = max(range(len(tokens)), key=lambda place: len(tokens[place]))
        candidate = (word.parts, at, word.written)
        if word.parts[at][1]:
            self._stems.setdefault(tokens[at][:_STEM_MIN], []).append((tokens[at], candidate))
        else:
            self._phrases.setdefault(tokens[at], []).append(candidate)

    def found_in(self, text: str) -> frozenset[str]:
        """Return the words, as written in the policy, that occur in `text` (not yet folded)."""
        folded = fold(text)
        found: set[str] = set()
        if not folded.isascii():
            self._find_infixes(folded, found)
        tokens = _TOKEN.findall(folded)
        distinct = set(tokens)
        for token in distinct & self._whole.keys():
            found.update(self._whole[token])
        for pair in self._pairs.keys() & set(pairwise(tokens)):
            found.update(self._pairs[pair])
        for token in distinct & self._phrases.keys():
            for candidate in self._phrases[token]:
                _confirm(token, candidate, tokens, found)
        stems = self._stems
        for token in distinct:
            if (bucket := stems.get(token[:_STEM_MIN])) is not None:
                for stem, candidate in bucket:
                    if token.startswith(stem):
                        _confirm(token, candidate, tokens, found)
        return frozenset(found)

    def _find_infixes(self, folded: str, found: set[str]) -> None:
        met = set(self._single.findall(folded)) if self._single else set()
        if self._begins:
            met.update(self._begins.findall(folded))
        for begin in met & self._infixes.keys():
            for infix, written in self._infixes[begin]:
                if len(infix) <= 2 or infix in folded:
                    found.add(written)


def _confirm(token: str, candidate: _Candidate, tokens: list[str], found: set[str]) -> None:
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
