"""How words in a policy meet words in a complaint.

A policy has no patterns of its own (a pattern can be made to run for hours), only words:

* A word with a Chinese character is found anywhere in the text (退款 in 我要退款), but for longer words that a policy lists
  and for denials of its safety words (`doubts`).
* Any other word is found as whole words in a row (`credit report`); with a `*` at the end it stands for every word
  that begins so (`refund*` finds refunded). Punctuation and apostrophes separate words.

Both sides are folded first: NFKC (full width becomes half width), then case. Traditional characters are other
characters than simplified ones; list both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

#: Ideographs, kana and hangul: scripts written without spaces.
_CJK = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_TOKEN = re.compile(r"[0-9a-z\u00df-\u024f]+")
_STEM_MIN = 3
#: Everything in ASCII that is no part of a token becomes a space.
_ASCII_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}
#: Texts of these characters only look the same after NFKC, or differ only in punctuation that no word may have.
_PLAIN = re.compile(
    r"[\x00-\xa0\u00c0-\u00ff\u2010-\u2022\u2026\u3000-\u3002\u3008-\u3011\u4e00-\u9fff\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f]*"
)


def unified(text: str) -> str:
    """Return `text` in NFKC, as far as letters, digits and characters go.

    Punctuation is folded only where something else needs folding: NFKC takes most of the time of a decision, and almost
    every Chinese text has a full-width comma.
    """
    return text if text.isascii() or _PLAIN.fullmatch(text) else unicodedata.normalize("NFKC", text)


def fold(text: str) -> str:
    """Return `text` with width and case folded, as both sides of a comparison need it."""
    return unified(text).casefold()


@dataclass(frozen=True, slots=True)
class Word:
    """One word or phrase of a policy, folded and taken apart.

    Attributes:
        written: as the policy file has it.
        infix: what to look for anywhere in the text; empty for a phrase of whole words.
        tokens: whole words in a row.
        open_end: the last of them is only a beginning.
    """

    written: str
    infix: str
    tokens: tuple[str, ...] = ()
    open_end: bool = False

    @classmethod
    def read(cls, written: str) -> Word:
        """Take a policy's word apart.

        Raises:
            ValueError: nothing to look for, or a `*` anywhere but at the end, behind three letters or more.
        """
        folded = fold(written.strip())
        if _CJK.search(folded):
            if not folded.isalnum():
                raise ValueError(f"{written!r}: a Chinese word is found anywhere; it has no *, space or punctuation")
            return cls(written, folded)
        tokens = tuple(_TOKEN.findall(folded))
        open_end = folded.endswith("*")
        if not tokens:
            raise ValueError(f"{written!r} has no letter, digit or character to look for")
        if "*" in folded[:-1] or (open_end and len(tokens[-1]) < _STEM_MIN):
            raise ValueError(f"{written!r}: * may only stand at the very end, behind at least {_STEM_MIN} letters")
        return cls(written, "", tokens, open_end)

    @property
    def needle(self) -> str:
        """The phrase as it stands in a text of tokens with a space before and behind each."""
        return f" {' '.join(self.tokens)}" + ("" if self.open_end else " ")

    def implies(self, other: Word) -> bool:
        """Tell whether every text with this word also has the other one."""
        if self.infix or other.infix:
            return bool(self.infix and other.infix and other.infix in self.infix)
        return other.needle in self.needle


class Heeding(Protocol):
    """What looks at found words again: `doubts.Doubts`."""

    def heed(self, folded: str, found: set[str]) -> None:
        """Take out of `found` what does not count anywhere in the text."""


@dataclass(slots=True)
class WordIndex:
    """Finds all words of a policy in a text in one pass; built once when the policy is loaded.

    Whatever the number of rules, the cost is one scan for pairs of Chinese characters that begin a word, one for tokens,
    and a look-up by the sets of tokens and of their first letters.
    """

    _single: re.Pattern[str] | None = None
    _begins: re.Pattern[str] | None = None
    _infixes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _whole: dict[str, list[str]] = field(default_factory=dict)
    _phrases: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _stems: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _doubts: Heeding | None = None

    @classmethod
    def of(cls, words: Iterable[Word], doubts: Heeding | None = None) -> WordIndex:
        """Build the index over every distinct word; `doubts` looks again at those that may not mean what they say."""
        index = cls()
        index._doubts = doubts
        for word in dict.fromkeys(words):
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
        if word.infix:
            self._infixes.setdefault(word.infix[:2], []).append((word.infix, word.written))
        elif word.open_end and len(word.tokens) == 1:
            self._stems.setdefault(word.tokens[0][:_STEM_MIN], []).append((word.needle, word.written))
        elif len(word.tokens) == 1:
            self._whole.setdefault(word.tokens[0], []).append(word.written)
        else:
            # A phrase is looked for where its longest complete word occurs, the rarest one as a rule.
            complete = word.tokens[:-1] if word.open_end else word.tokens
            self._phrases.setdefault(max(complete, key=len), []).append((word.needle, word.written))

    def found_in(self, text: str) -> frozenset[str]:
        """Return the words, as written in the policy, that occur in `text` (not yet folded)."""
        folded = fold(text)
        found: set[str] = set()
        if folded.isascii():
            tokens = folded.translate(_ASCII_SPACES).split()
        else:
            self._find_infixes(folded, found)
            tokens = _TOKEN.findall(folded)
        distinct = set(tokens)
        row = f" {' '.join(tokens)} "
        for token in distinct & self._whole.keys():
            found.update(self._whole[token])
        for token in distinct & self._phrases.keys():
            found.update([written for needle, written in self._phrases[token] if needle in row])
        for beginning in {token[:_STEM_MIN] for token in distinct} & self._stems.keys():
            found.update([written for needle, written in self._stems[beginning] if needle in row])
        if self._doubts is not None:
            self._doubts.heed(folded, found)
        return frozenset(found)

    def _find_infixes(self, folded: str, found: set[str]) -> None:
        met = set(self._single.findall(folded)) if self._single else set()
        if self._begins:
            met.update(self._begins.findall(folded))
        for begin in met & self._infixes.keys():
            for infix, written in self._infixes[begin]:
                if len(infix) <= 2 or infix in folded:
                    found.add(written)
