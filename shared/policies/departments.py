"""Who can own a complaint, and who is told when an owner is late."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.policies.spans import Span
from shared.policies.texts import Id, PolicyModel, Text, Wording

DepartmentKind = Literal["ordinary", "triage", "office"]
#: The person who leads the department that is late; everything else in `to` is a department id.
LEAD = "lead"


class Rung(PolicyModel):
    """One step of an escalation ladder: when, and to whom.

    Attributes:
        at_percent: share of the clock that has run, 1..100; 100 is the breach itself.
        after_breach: time after the breach, counted in the calendar of the department that is late.
        to: `lead`, or the id of another department.
    """

    at_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    after_breach: Span | None = None
    to: Id

    @model_validator(mode="after")
    def _one_moment(self) -> Self:
        if (self.at_percent is None) == (self.after_breach is None):
            raise ValueError("a rung needs either at_percent or after_breach")
        return self


class Department(PolicyModel):
    """A unit that can own complaints; never a person, who may be off."""

    id: Id
    name: Text
    duty: Text
    calendar: Id
    kind: DepartmentKind = "ordinary"
    escalation: tuple[Rung, ...] = ()

    @model_validator(mode="after")
    def _rungs_climb(self) -> Self:
        percents = [rung.at_percent for rung in self.escalation if rung.at_percent is not None]
        late = [rung.after_breach is not None for rung in self.escalation]
        if percents != sorted(percents) or late != sorted(late):
            raise ValueError("rungs must climb: at_percent ascending, then those after_breach")
        return self


def _known_region(region: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # only where packs are read

    if region not in SUPPORTED_REGIONS:
        raise ValueError(
            "phone_region must be a country with phone numbers, by its two capital letters, such as CN or US"
        )
    return region


class Departments(PolicyModel):
    """File `departments.yaml`: the head of a pack and its departments.

    Attributes:
        phone_region: whose a phone number without a country code is (ISO 3166-1 alpha-2).
        second_person_erases: whether an erasure that one of the office asks for waits until another one approves.
    """

    pack: Id
    version: Wording
    name: Text
    phone_region: Annotated[str, AfterValidator(_known_region)] = "CN"
    second_person_erases: bool = True
    departments: Annotated[tuple[Department, ...], Field(min_length=2, max_length=200)]

    @cached_property
    def by_id(self) -> dict[str, Department]:
        """Departments by their id."""
        return {department.id: department for department in self.departments}
