"""Which department owns a complaint, and how urgent it is: ordered rules, first match wins, total by its fallback."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.policies.conditions import Conditions, Shortlist, WordList, Words
from shared.policies.doubts import Bit, Bits, Denial, Doubts, SetAside
from shared.policies.texts import Id, PolicyModel, Text
from shared.policies.words import Word, WordIndex, fold

MAX_RULES = 300


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
        not_in: word → longer words in which it does not count.
        denial: how words of some rules are denied; one that is denied wherever it stands does not count.
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
    not_in: dict[Bit, Annotated[Bits, Field(min_length=1)]] = Field(default_factory=dict, max_length=400)
    denial: Denial | None = None
    version: str = ""

    @cached_property
    def index(self) -> WordIndex:
        """All words of all rules and topics, ready to be found in one pass."""
        return WordIndex.of(self.words, self.doubts)

    @property
    def words(self) -> list[Word]:
        """Every word of all rules and topics."""
        return [word for given in self._word_lists for word in given.words]

    @cached_property
    def doubts(self) -> Doubts:
        """The words that do not count everywhere they stand."""
        return Doubts(dict.fromkeys(self.words), self.not_in, self.denial, self.deniable)

    def set_aside(self, text: str) -> list[SetAside]:
        """What stands in a text and does not count there, for an explanation."""
        return self.doubts.set_aside(fold(text))

    @property
    def deniable(self) -> frozenset[str]:
        """The words of the rules that `denial` names; what must not occur is not among them."""
        named = self.denial.rules if self.denial else ()
        asked = [rule.when.words for rule in self.rules if rule.id in named]
        asked += [rule.when.words for rule in self.priority.rules if rule.id in named]
        lists = [given for words in asked if words is not None for given in (words.any, words.all) if given is not None]
        return frozenset(written for given in lists for written in given.written)

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
