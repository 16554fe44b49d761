"""What a company decides about its complaints, as data: departments, routing, clocks, calendars, notices.

A *pack* is one folder with five YAML files, and a sixth where it lists its shops. `load_packs(folder)` reads every pack
below a folder, validates all of it together and refuses the whole with one `PolicyError` that lists every problem as
`file:line: reason (how to mend it)`.
Nothing in here decides about a complaint; the services do, from these models.
"""

from shared.policies.calendars import Calendar, Interval
from shared.policies.conditions import Conditions, Words
from shared.policies.departments import Department, Rung
from shared.policies.errors import PolicyError, Problem
from shared.policies.notices import NoticePolicy
from shared.policies.packs import Pack, Packs, load_pack, load_packs
from shared.policies.routing import PriorityRule, RoutingPolicy, Rule
from shared.policies.sla import Clocks, SlaPolicy, SlaRules
from shared.policies.spans import Span
from shared.policies.stores import Store
from shared.policies.texts import Text
from shared.policies.watching import PolicySource

__all__ = [
    "Calendar",
    "Clocks",
    "Conditions",
    "Department",
    "Interval",
    "NoticePolicy",
    "Pack",
    "Packs",
    "PolicyError",
    "PolicySource",
    "PriorityRule",
    "Problem",
    "RoutingPolicy",
    "Rule",
    "Rung",
    "SlaPolicy",
    "SlaRules",
    "Span",
    "Store",
    "Text",
    "Words",
    "load_pack",
    "load_packs",
]
