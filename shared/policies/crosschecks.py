"""What no single file can know: references between files, totality, cycles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.policies.calendars import Calendars
from shared.policies.departments import Departments
from shared.policies.errors import Problem
from shared.policies.notices import NoticePolicy
from shared.policies.routing import RoutingPolicy
from shared.policies.sla import SlaRules
from shared.policies.yaml_source import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The five files of a pack: as models, and as documents with lines."""

    folder: str
    documents: Mapping[str, Document]
    departments: Departments
    calendars: Calendars
    routing: RoutingPolicy
    sla: SlaRules
    notices: NoticePolicy


def check_pack(sources: Sources) -> list[Problem]:
    """Return every problem between the files of one pack."""
    return []


def check_packs(all_sources: Sequence[Sources]) -> list[Problem]:
    """Return problems between packs: ids used twice."""
    return []
