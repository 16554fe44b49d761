"""How long each step may take, per priority, category and channel; the first policy that fits is used."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.policies.spans import Span
from shared.policies.texts import Channel, Id, PolicyModel, Priority, Text

ClockKind = Literal["journey", "owner", "first_response", "silence", "confirmation", "answer"]
CLOCK_KINDS: tuple[ClockKind, ...] = ("journey", "owner", "first_response", "silence", "confirmation", "answer")
SOON_SHARE = 0.75
"""From this share of a clock's length on a complaint is due soon, wherever that is said or counted: desk, board, export."""
Percent = Annotated[int, Field(ge=1, le=99)]


class SlaConditions(PolicyModel):
    """What a complaint must be for a policy to hold; every condition given must be met."""

    priority: Annotated[tuple[Priority, ...], Field(min_length=1)] | None = None
    category: Annotated[tuple[Id, ...], Field(min_length=1)] | None = None
    channel: Annotated[tuple[Channel, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.priority is None and self.category is None and self.channel is None:
            raise ValueError("when is empty; leave it out for the policy that holds for all")
        return self

    def met_by(self, *, priority: str, category: str | None, channel: str) -> bool:
        """Tell whether a complaint with these facts meets every condition."""
        return (
            (self.priority is None or priority in self.priority)
            and (self.category is None or category in self.category)
            and (self.channel is None or channel in self.channel)
        )


class Clocks(PolicyModel):
    """The budget of each clock.

    Attributes:
        journey: from receipt by the organisation to the answer; never restarts.
        owner: from an assignment to the resolution by that owner.
        first_response: from receipt to the first word by a person.
        silence: the longest the customer may hear nothing.
        confirmation: from a proposed resolution to closing without an answer.
        answer: how long a question to the customer stays open.
    """

    journey: Span
    owner: Span
    first_response: Span
    silence: Span
    confirmation: Span
    answer: Span


class Reminders(PolicyModel):
    """When the customer is reminded, in percent of the clock."""

    confirmation: tuple[Percent, ...] = (60,)
    answer: tuple[Percent, ...] = (50,)


class SlaPolicy(PolicyModel):
    """One row of deadlines.

    Attributes:
        calendar: counts journey, silence, confirmation and answer; owner and first_response are counted in the
            calendar of the department that owns the complaint at that moment.
        warn_at: percent of a clock at which the owner is warned.
        delay_notice_at: percent of the journey at which a customer without an answer gets an apology and a new date.
        extension: how far that new date lies behind the first one.
        max_extensions: how often a delay notice may move the date before it has passed; 0 means never. Whoever waits
            beyond their date gets a new one all the same.
        escalate: clocks whose lateness climbs the owner's ladder.
    """

    id: Id
    name: Text
    when: SlaConditions | None = None
    calendar: Id
    clocks: Clocks
    warn_at: Annotated[tuple[Percent, ...], Field(min_length=1)] = (50, 80)
    delay_notice_at: Percent = 90
    extension: Span
    max_extensions: Annotated[int, Field(ge=0, le=5)] = 1
    reminders: Reminders = Reminders()
    escalate: tuple[ClockKind, ...] = ("journey", "owner", "first_response")
    source: str | None = None

    @model_validator(mode="after")
    def _percents_ascend(self) -> Self:
        for name, percents in (
            ("warn_at", self.warn_at),
            ("reminders.confirmation", self.reminders.confirmation),
            ("reminders.answer", self.reminders.answer),
        ):
            if list(percents) != sorted(set(percents)):
                raise ValueError(f"{name} must ascend without repetition")
        return self


class SlaRules(PolicyModel):
    """File `sla.yaml`: policies in order; the last one has no `when`, so there is always one.

    Attributes:
        promise_limit_days: how far ahead staff may promise a date, in calendar days from now. What nobody can plan is no
            promise, and a slip of the keyboard (9999) must not become one.
    """

    promise_limit_days: Annotated[int, Field(ge=1, le=3_650)] = 730
    policies: Annotated[tuple[SlaPolicy, ...], Field(min_length=1, max_length=200)]

    def choose(self, *, priority: str, category: str | None, channel: str) -> SlaPolicy:
        """Return the first policy whose conditions are met; the last one always is."""
        for policy in self.policies:
            if policy.when is None or policy.when.met_by(priority=priority, category=category, channel=channel):
                return policy
        raise AssertionError("a loaded policy ends with one that has no conditions")
