"""What must be true of a complaint for a rule to hold: plain facts, and words in its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.policies.texts import Channel, Id, Language, PolicyModel, Priority
from shared.policies.words import Word


def _readable(written: str) -> str:
    Word.read(written)
    return written


Phrase = Annotated[str, StringConstraints(min_length=1, max_length=60, strict=True), AfterValidator(_readable)]
Phrases = Annotated[tuple[Phrase, ...], Field(max_length=400)]


class WordList(PolicyModel):
    """Words by the language they are written in; all of them are looked for in every complaint, whatever its language."""

    zh: Phrases = ()
    en: Phrases = ()

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Both languages, taken apart."""
        return tuple(Word.read(written) for written in self.zh + self.en)

    @cached_property
    def written(self) -> frozenset[str]:
        """Both languages, as written."""
        return frozenset(self.zh + self.en)

    @cached_property
    def groups(self) -> tuple[frozenset[str], ...]:
        """One set per language that has words; `all` needs every word of one of them."""
        return tuple(frozenset(group) for group in (self.zh, self.en) if group)


class Words(PolicyModel):
    """What the text must and must not say.

    Attributes:
        any: at least `at_least` different words of this list occur.
        also: a second list of which at least one word occurs (a thing and a verb: "card" and "declined").
        all: every word of one language's list occurs.
        none: no word of this list occurs.
    """

    any: WordList | None = None
    at_least: Annotated[int, Field(ge=1, le=20)] = 1
    also: WordList | None = None
    all: WordList | None = None
    none: WordList | None = None

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        for name in ("any", "also", "all", "none"):
            given: WordList | None = getattr(self, name)
            if given is not None and not given.written:
                raise ValueError(f"words.{name} has no words in either language")
        if self.any is None and self.also is None and self.all is None and self.none is None:
            raise ValueError("words says nothing; give any, also, all or none")
        if self.at_least > (len(self.any.written) if self.any else 1):
            raise ValueError("at_least asks for more words than words.any has")
        return self

    @property
    def needed(self) -> WordList | None:
        """A list of which some word must occur for these conditions to hold; none if they hold without any word."""
        return self.any or self.also or self.all

    @cached_property
    def lists(self) -> tuple[WordList, ...]:
        """Every list given."""
        given = (self.any, self.also, self.all, self.none)
        return tuple(words for words in given if words is not None)


class Conditions(PolicyModel):
    """What must be true of a complaint; all conditions given must hold.

    Attributes:
        category: the category the customer or agent chose is one of these.
        store: a shop is named (true), none is (false), or it is one of these shops.
        order: an order number was given, or not.
        about_staff: the complaint is about a person who works here, or not.
        repeat: the customer reports the same matter again, or not.
        min_priority: the priority found before is at least this.
    """

    category: Annotated[tuple[Id, ...], Field(min_length=1)] | None = None
    channel: Annotated[tuple[Channel, ...], Field(min_length=1)] | None = None
    language: Annotated[tuple[Language, ...], Field(min_length=1)] | None = None
    store: (
        bool | Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(min_length=1)] | None
    ) = None
    order: bool | None = None
    about_staff: bool | None = None
    repeat: bool | None = None
    min_priority: Priority | None = None
    words: Words | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("when is empty, so the rule would catch everything")
        return self


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Which conditions of a list are worth reading: most need a word that is not there, or another category.

    Attributes:
        always: those that need neither.
        by_word: those that need a word, by each word that will do.
        by_category: those that need no word but a category, by category.
    """

    always: frozenset[int]
    by_word: Mapping[str, tuple[int, ...]]
    by_category: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, conditions: Iterable[Conditions]) -> Shortlist:
        """Sort the positions of conditions by the words or categories they need."""
        always: set[int] = set()
        by_word: dict[str, tuple[int, ...]] = {}
        by_category: dict[str, tuple[int, ...]] = {}
        for place, when in enumerate(conditions):
            needed = when.words.needed if when.words else None
            if needed is None and when.category is None:
                always.add(place)
            elif needed is None:
                for category in set(when.category or ()):
                    by_category[category] = (*by_category.get(category, ()), place)
            else:
                for written in needed.written:
                    by_word[written] = (*by_word.get(written, ()), place)
        return cls(frozenset(always), by_word, by_category)

    def called_by(self, found: Iterable[str], category: str | None) -> list[int]:
        """Return the positions to read, in order; no other condition can hold for these words and this category."""
        by_word = self.by_word
        called = {place for written in found if written in by_word for place in by_word[written]}
        called.update(self.always)
        if category is not None:
            called.update(self.by_category.get(category, ()))
        return sorted(called)
