"""Where a word of a policy stands in a text and does not mean what it says.

Chinese has no spaces, so 起火 is also in 一起火锅; a smoke alarm is no smoke; 没有受伤 denies what it names. A policy lists both:
`not_in` says in which longer words a word does not count, `denial` how its safety words are denied. A word counts if it stands
anywhere else in the text as well. Every pattern is made of listed words, with bounds: none can run long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple, Self

from pydantic import Field, StringConstraints, model_validator

from shared.policies.texts import Id, PolicyModel
from shared.policies.words import Word, fold

Bit = Annotated[str, StringConstraints(min_length=1, max_length=40, strict=True)]
Bits = Annotated[tuple[Bit, ...], Field(max_length=200)]
_LETTER = r"[0-9a-z\u00df-\u024f]"
_GAP = r"[\s'’\-]+"
_END = r"(?=[\s，。！？；、：,.!?;:)）]|$)"
_MOST_BETWEEN = 6


class Denying(PolicyModel):
    """How one language denies.

    Attributes:
        before: what denies a word behind it: 没有, nobody.
        through: what may stand between: 发生, was.
        after: what denies a word before it, at the end of a clause: 倒没有.
        unless: what takes a denial back: 不是没有.
    """

    before: Bits = ()
    through: Bits = ()
    after: Bits = ()
    unless: Bits = ()

    @model_validator(mode="after")
    def _denies(self) -> Self:
        if not self.before and not self.after:
            raise ValueError("says nothing; give before or after")
        return self


class Denial(PolicyModel):
    """What is no danger because the text denies it.

    Attributes:
        rules: ids of the rules and priority rules whose words can be denied.
    """

    rules: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]
    zh: Denying | None = None
    en: Denying | None = None

    @model_validator(mode="after")
    def _in_some_language(self) -> Self:
        if self.zh is None and self.en is None:
            raise ValueError("denial needs zh or en")
        return self


class SetAside(NamedTuple):
    """A word that stands in a text and does not count there.

    Attributes:
        inside: the longer word it is part of; none when it is denied.
    """

    written: str
    inside: str | None


class Doubts:
    """The words of a policy that have to be looked at again where they are found.

    Args:
        words: every word of the policy.
        not_in: word → longer ones in which it does not count.
        deniable: the words that can be denied.
    """

    def __init__(
        self,
        words: Iterable[Word] = (),
        not_in: Mapping[str, Sequence[str]] | None = None,
        denial: Denial | None = None,
        deniable: frozenset[str] = frozenset(),
    ) -> None:
        not_in = not_in or {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        for word in words:
            denying = (denial.zh if word.infix else denial.en) if denial and word.written in deniable else None
            longer = not_in.get(word.written, ())
            if denying is not None or longer:
                self._patterns[word.written] = re.compile(_pattern(word, longer, denying))
        self.words = frozenset(self._patterns)

    def heed(self, folded: str, found: set[str]) -> None:
        """Take out of `found` what does not count anywhere in the text."""
        for written in self._patterns.keys() & found:
            if not any(map(_counts, self._patterns[written].finditer(folded))):
                found.discard(written)

    def set_aside(self, folded: str) -> list[SetAside]:
        """What stands in the text and does not count there, for an explanation."""
        told = []
        for written, pattern in self._patterns.items():
            told += [SetAside(written, m["longer"]) for m in pattern.finditer(folded) if not _counts(m)]
        return list(dict.fromkeys(told))


def _counts(match: re.Match[str]) -> bool:
    return match["plain"] is not None or match["back"] is not None


def check_longer(written: str, longer: Sequence[str]) -> str | None:
    """Say what is wrong with the longer words of a word; none when nothing is."""
    word = Word.read(written)
    for one in longer:
        try:
            other = Word.read(one)
        except ValueError as error:
            return str(error)
        if other.written == word.written or not other.implies(word):
            return f"{one!r} does not contain {written!r}"
    return None


def _pattern(word: Word, longer: Sequence[str], denying: Denying | None) -> str:
    """One alternative per meaning: `longer`, a denial taken `back`, denied (no group), `plain`."""
    itself = _as_found(word)
    parts = []
    if longer:
        told = sorted((_as_found(Word.read(one)) for one in longer), key=len, reverse=True)
        parts.append(f"(?P<longer>{'|'.join(told)})")
    else:
        parts.append("(?P<longer>(?!))")
    taken_back = "(?!)"
    if denying is not None:
        between, joint = _between(denying.through, word)
        if denying.unless:
            taken_back = f"(?:{_any(denying.unless, word)}){between}{joint}{itself}"
        if denying.before:
            parts.append(f"(?:{_any(denying.before, word)}){between}{joint}{itself}")
        if denying.after:
            parts.append(f"{itself}{joint if not word.infix else ''}(?:{_any(denying.after, word)}){_END}")
    return "|".join([parts[0], f"(?P<back>{taken_back})", *parts[1:], f"(?P<plain>{itself})"])


def _between(through: Sequence[str], word: Word) -> tuple[str, str]:
    if word.infix:
        return (f"(?:{_any(through, word)}){{0,{_MOST_BETWEEN}}}" if through else ""), ""
    return (f"(?:{_GAP}(?:{_any(through, word)})){{0,{_MOST_BETWEEN}}}" if through else ""), _GAP


def _any(bits: Sequence[str], word: Word) -> str:
    folded = sorted((fold(bit) for bit in bits), key=len, reverse=True)
    if word.infix:
        return "|".join(map(re.escape, folded))
    whole = (re.escape(bit).replace("'", "['’]?").replace(r"\ ", r"\s+") for bit in folded)
    return "|".join(f"(?<!{_LETTER}){bit}(?!{_LETTER})" for bit in whole)


def _as_found(word: Word) -> str:
    """A word as the index finds it: anywhere, or as whole words in a row with anything but letters between them."""
    if word.infix:
        return re.escape(word.infix)
    end = "" if word.open_end else f"(?!{_LETTER})"
    row = r"[^0-9a-z\u00df-\u024f]+".join(map(re.escape, word.tokens))
    return f"(?<!{_LETTER}){row}{end}"
