"""One pack's deadlines at one version, ready for use, and as it is kept beside the complaints that follow it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from services.sla.domain.calendar import Calendar, CalendarSpec, Span
from services.sla.domain.measures import Length
from shared.policies import calendars as written
from shared.policies.departments import Department
from shared.policies.packs import Pack
from shared.policies.sla import CLOCK_KINDS, ClockKind, SlaPolicy, SlaRules

_KEPT = 1_000
"""Choices of a row of deadlines that are kept; a pack has some tens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One row of deadlines, ready for use."""

    policy: SlaPolicy
    calendar: str
    lengths: Mapping[ClockKind, Length]
    extension: Length

    @classmethod
    def of(cls, policy: SlaPolicy) -> Self:
        """From the policy's words."""
        lengths = {kind: Length.of(getattr(policy.clocks, kind)) for kind in CLOCK_KINDS}
        return cls(policy=policy, calendar=policy.calendar, lengths=lengths, extension=Length.of(policy.extension))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the clocks of a complaint follow for as long as it lives.

    The version is pinned at the first assignment: a policy or holiday that changes later does not move a running date.
    """

    pack: str
    version: str
    sla: SlaRules
    departments: Mapping[str, Department]
    calendars: Mapping[str, Calendar]
    terms: Mapping[str, Terms] = field(init=False, repr=False)
    #: Filled as they are needed: see `levels.steps_of`.
    steps: dict[tuple[str, str, str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _chosen: dict[tuple[str, str | None, str], Terms] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", {policy.id: Terms.of(policy) for policy in self.sla.policies})

    @classmethod
    def of(cls, pack: Pack) -> Self:
        """Compile a loaded pack."""
        return cls(
            pack=pack.name,
            version=pack.version,
            sla=pack.sla,
            departments=pack.departments,
            calendars={name: Calendar(spec_of(calendar)) for name, calendar in pack.calendars.items()},
        )

    def choose(self, priority: str, category: str | None, channel: str) -> Terms:
        """The row of deadlines that holds for these facts; there always is one. Kept, as facts come in few kinds."""
        facts = (priority, category, channel)
        chosen = self._chosen.get(facts)
        if chosen is None:
            chosen = self.terms[self.sla.choose(priority=priority, category=category, channel=channel).id]
            if len(self._chosen) < _KEPT:
                self._chosen[facts] = chosen
        return chosen

    def calendar_of(self, department: str, terms: Terms) -> str:
        """The calendar a department works by; the row's own for a department this version does not know."""
        known = self.departments.get(department)
        return terms.calendar if known is None else known.calendar

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON. Holidays are written out, since a later library may compute them otherwise."""
        return {
            "sla": self.sla.model_dump(mode="json", exclude_none=True),
            "departments": [d.model_dump(mode="json", exclude_none=True) for d in self.departments.values()],
            "calendars": {name: _spec_to_json(calendar.spec) for name, calendar in self.calendars.items()},
        }

    @classmethod
    def from_snapshot(cls, pack: str, version: str, body: Mapping[str, Any]) -> Self:
        """Read back what `snapshot` wrote, here or in a newer copy: fields this one does not know are passed over."""
        departments = [Department.model_validate(entry, extra="ignore") for entry in body["departments"]]
        return cls(
            pack=pack,
            version=version,
            sla=SlaRules.model_validate(body["sla"], extra="ignore"),
            departments={department.id: department for department in departments},
            calendars={name: Calendar(_spec_from_json(entry)) for name, entry in body["calendars"].items()},
        )


def spec_of(calendar: written.Calendar) -> CalendarSpec:
    """The hours of a policy file's calendar, with public holidays and make-up days written out."""
    return CalendarSpec(
        tz=calendar.tz,
        week=tuple(_spans(calendar.week.get(day, ())) for day in written.WEEKDAYS),
        holidays=frozenset(calendar.closed_days),
        annual_holidays=frozenset((int(day[:2]), int(day[3:])) for day in calendar.annual_holidays),
        overrides={day: _spans(hours) for day, hours in calendar.overrides.items()},
        breaks={day: _spans(hours) for day, hours in calendar.breaks.items()},
        known_until=calendar.known_until,
    )


def _spans(hours: Any) -> tuple[Span, ...]:
    return tuple((int(opens), int(closes)) for opens, closes in hours)


def _spec_to_json(spec: CalendarSpec) -> dict[str, Any]:
    return {
        "tz": spec.tz,
        "week": spec.week,
        "holidays": sorted(day.isoformat() for day in spec.holidays),
        "annual_holidays": sorted(spec.annual_holidays),
        "overrides": {day.isoformat(): spans for day, spans in sorted(spec.overrides.items())},
        "breaks": {day.isoformat(): spans for day, spans in sorted(spec.breaks.items())},
        **({"known_until": spec.known_until.isoformat()} if spec.known_until else {}),
    }


def _spec_from_json(body: Mapping[str, Any]) -> CalendarSpec:
    return CalendarSpec(
        tz=body["tz"],
        week=tuple(_spans(day) for day in body["week"]),
        holidays=frozenset(date.fromisoformat(day) for day in body["holidays"]),
        annual_holidays=frozenset((month, day) for month, day in body["annual_holidays"]),
        overrides={date.fromisoformat(day): _spans(spans) for day, spans in body["overrides"].items()},
        breaks={date.fromisoformat(day): _spans(spans) for day, spans in body["breaks"].items()},
        known_until=date.fromisoformat(body["known_until"]) if body.get("known_until") else None,
    )
