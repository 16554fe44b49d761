"""Lengths of time as people agree on them; turned into instants by the sla service and its calendars."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.policies.texts import PolicyModel

SpanKind = Literal["working_hours", "working_days", "calendar_days", "minutes"]
SPAN_KINDS: tuple[SpanKind, ...] = ("working_hours", "working_days", "calendar_days", "minutes")


class Span(PolicyModel):
    """Exactly one of four measures.

    Attributes:
        working_hours: open hours of the calendar that counts; fractions allowed (0.5 is thirty minutes).
        working_days: days on which that calendar opens at all; day 1 is the day after the start.
        calendar_days: days on the wall calendar; day 1 is the day after the start.
        minutes: minutes by the clock on the wall, nights and holidays included.
    """

    working_hours: Annotated[float, Field(gt=0, le=10_000)] | None = None
    working_days: Annotated[int, Field(gt=0, le=1_000)] | None = None
    calendar_days: Annotated[int, Field(gt=0, le=1_000)] | None = None
    minutes: Annotated[int, Field(gt=0, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len([kind for kind in SPAN_KINDS if getattr(self, kind) is not None]) != 1:
            raise ValueError("a span needs exactly one of working_hours, working_days, calendar_days, minutes")
        return self

    @property
    def kind(self) -> SpanKind:
        """Which of the four measures is given."""
        return next(kind for kind in SPAN_KINDS if getattr(self, kind) is not None)

    @property
    def amount(self) -> float:
        """How much of it."""
        return float(getattr(self, self.kind))
