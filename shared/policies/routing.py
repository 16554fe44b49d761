"""Which department owns a complaint, and how urgent it is: ordered rules, first match wins, total by its fallback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.policies.texts import Channel, Id, Language, PolicyModel, Priority, Text
from shared.policies.words import Word, WordIndex


def _readable(written: str) -> str:
    Word.read(written)
    return written


Phrase = Annotated[str, StringConstraints(min_length=1, max_length=60, strict=True), AfterValidator(_readable)]
Phrases = Annotated[tuple[Phrase, ...], Field(max_length=400)]
MAX_RULES = 300


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
    """Which conditions of a list are worth reading for the words found: most need a word that is not there."""

    always: frozenset[int]
    by_word: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, conditions: Iterable[Conditions]) -> Shortlist:
        """Sort the positions of conditions by the words they need."""
        always: set[int] = set()
        by_word: dict[str, tuple[int, ...]] = {}
        for place, when in enumerate(conditions):
            needed = when.words.needed if when.words else None
            if needed is None:
                always.add(place)
                continue
            for written in needed.written:
                by_word[written] = (*by_word.get(written, ()), place)
        return cls(frozenset(always), by_word)

    def for_words(self, found: Iterable[str]) -> list[int]:
        """Return the positions to read, in order; no other condition can hold."""
        by_word = self.by_word
        called = {place for written in found if written in by_word for place in by_word[written]}
        return sorted(called | self.always)


class Rule(PolicyModel):
    """One line of the decision.

    Attributes:
        owner: the department that owns what this rule catches.
        category: the category recorded when the customer chose none.
        staff_of: the department whose staff the complaint is about, where that is not the owner. Without it a
            complaint about staff that this rule catches goes to the complaints office: nobody answers for themselves.
        because: the reason told to customer and desk; policy's words, never the customer's.
    """

    id: Id
    when: Conditions
    owner: Id
    category: Id | None = None
    staff_of: Id | None = None
    because: Text


class Topic(PolicyModel):
    """What a text may be about, told by its words: a `strong` word names the matter, `words` only hint at it."""

    id: Id
    owner: Id
    category: Id | None = None
    because: Text
    strong: WordList = WordList()
    words: WordList = WordList()

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if twice := self.strong.written & self.words.written:
            raise ValueError(f"{min(twice)!r} is both a strong word and an ordinary one")
        if not self.strong.written | self.words.written:
            raise ValueError("a topic needs strong or words")
        return self


class Topics(PolicyModel):
    """The weighing of what no rule catches: each topic gets points for its different words, the most points win.

    Attributes:
        strong_points: points of a strong word; an ordinary one has 1.
        minimum: fewer points than this decide nothing.
        lead: the first topic must be this far ahead of the second; otherwise the triage desk reads it.
    """

    strong_points: Annotated[int, Field(ge=1, le=20)] = 3
    minimum: Annotated[int, Field(ge=1, le=100)] = 3
    lead: Annotated[int, Field(ge=1, le=100)] = 1
    choices: Annotated[tuple[Topic, ...], Field(min_length=1, max_length=100)]

    @cached_property
    def points_of(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Position of a topic and points, by word."""
        points: dict[str, tuple[tuple[int, int], ...]] = {}
        for place, topic in enumerate(self.choices):
            for given, worth in ((topic.strong, self.strong_points), (topic.words, 1)):
                for written in given.written:
                    points[written] = (*points.get(written, ()), (place, worth))
        return points


class PriorityRule(PolicyModel):
    """One reason for more urgency, with its weight in points."""

    id: Id
    when: Conditions
    points: Annotated[int, Field(ge=1, le=100)]
    because: Text

    @model_validator(mode="after")
    def _no_circle(self) -> Self:
        if self.when.min_priority is not None:
            raise ValueError("a priority rule cannot depend on the priority it helps to find")
        return self


class Thresholds(PolicyModel):
    """Points from which a complaint is high or urgent."""

    high: Annotated[int, Field(ge=1, le=1000)]
    urgent: Annotated[int, Field(ge=1, le=1000)]

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        if self.high >= self.urgent:
            raise ValueError("high must need fewer points than urgent")
        return self


class PriorityPolicy(PolicyModel):
    """How urgency is found: the points of every rule that holds are added."""

    thresholds: Thresholds
    rules: Annotated[tuple[PriorityRule, ...], Field(max_length=MAX_RULES)] = ()

    @cached_property
    def shortlist(self) -> Shortlist:
        """Which of the rules the words of a text may call."""
        return Shortlist.of(rule.when for rule in self.rules)


class Category(PolicyModel):
    """What a customer may choose, with a hint for the form."""

    id: Id
    name: Text
    hint: Text


class StaffSigns(PolicyModel):
    """How a complaint about a person is recognised where the form did not say so."""

    category: tuple[Id, ...] = ()
    words: Words | None = None


class RoutingPolicy(PolicyModel):
    """File `routing.yaml`.

    Attributes:
        fallback: the triage desk; owns what no rule catches.
        office: the complaints office; arbitrates, and owns complaints about staff.
        second_stage: owns a reopened complaint whose first owner must not answer again.
        max_transfers: transfers before the office decides.
        rules: in order, the first that holds decides.
        topics: weighed when no rule holds; without a clear winner the fallback owns the complaint.
    """

    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=100)]
    fallback: Id
    office: Id
    second_stage: Id
    max_transfers: Annotated[int, Field(ge=0, le=10)] = 2
    about_staff: StaffSigns = StaffSigns()
    priority: PriorityPolicy
    rules: Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES)]
    topics: Topics | None = None
    version: str = ""

    @cached_property
    def index(self) -> WordIndex:
        """All words of all rules and topics, ready to be found in one pass."""
        return WordIndex.of(word for given in self._word_lists for word in given.words)

    @cached_property
    def shortlist(self) -> Shortlist:
        """Which of the rules the words of a text may call."""
        return Shortlist.of(rule.when for rule in self.rules)

    @property
    def _word_lists(self) -> list[WordList]:
        conditions = [rule.when for rule in self.rules] + [rule.when for rule in self.priority.rules]
        asked = [condition.words for condition in conditions] + [self.about_staff.words]
        lists = [given for words in asked if words is not None for given in words.lists]
        topics = self.topics.choices if self.topics else ()
        return lists + [given for topic in topics for given in (topic.strong, topic.words)]
