"""Who may do what to which case: one table of role × relation to the case. What is not in it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.router.domain.case import Case, Desks


class Role(StrEnum):
    """What a member of staff is."""

    HANDLER = "handler"
    LEAD = "lead"
    AGENT = "agent"
    OFFICE = "office"
    OPERATOR = "operator"


class Relation(StrEnum):
    """How somebody's department stands to a case. One person can stand in several."""

    OWNER = "owner"
    RECEIVER = "receiver"
    TRIAGE_OWNER = "triage_owner"
    TRIAGE = "triage"
    OFFICE = "office"
    SAME_PACK = "same_pack"
    OTHER_PACK = "other_pack"


class Action(StrEnum):
    """What can be done to a case; the names of the staff API's commands."""

    READ = "read"
    ACCEPT = "accept"
    PROGRESS = "progress"
    ASK = "ask"
    PROMISE = "promise"
    TRANSFER = "transfer"
    TRANSFER_ACCEPT = "transfer/accept"
    TRANSFER_DECLINE = "transfer/decline"
    ASSIGN = "assign"
    RESOLVE = "resolve"
    NOTE = "note"
    RECORD_ANSWER = "record/answer"
    RECORD_CONFIRMATION = "record/confirmation"
    RECORD_DISPUTE = "record/dispute"
    RAW_EVENTS = "raw_events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A signed-in member of staff. `pack` is the pack of the department; operators have none."""

    user: str
    role: Role
    department: str
    pack: str | None

    @property
    def name(self) -> str:
        """The actor of a cause."""
        return f"staff:{self.user}"


Grant = tuple[Role, Relation]
_WORKERS = (Role.HANDLER, Role.LEAD, Role.OFFICE)
_BY_OWNER: frozenset[Grant] = frozenset((role, Relation.OWNER) for role in _WORKERS)
_BY_RECEIVER: frozenset[Grant] = frozenset((role, Relation.RECEIVER) for role in _WORKERS)
_BY_OFFICE: frozenset[Grant] = frozenset((role, Relation.OFFICE) for role in _WORKERS)
_BY_TRIAGE: frozenset[Grant] = frozenset((role, Relation.TRIAGE_OWNER) for role in _WORKERS)
_ON_THE_PHONE: frozenset[Grant] = _BY_OWNER | _BY_OFFICE | {(Role.AGENT, Relation.OWNER)}
"""Whoever of the owning department has the customer on the line, and the complaints office."""

MATRIX: Mapping[Action, frozenset[Grant]] = {
    Action.READ: frozenset(
        {
            *_BY_OWNER,
            *_BY_RECEIVER,
            *_BY_OFFICE,
            *((role, Relation.TRIAGE) for role in _WORKERS),
            (Role.AGENT, Relation.OWNER),
            (Role.LEAD, Relation.SAME_PACK),
            (Role.OFFICE, Relation.SAME_PACK),
            (Role.OPERATOR, Relation.SAME_PACK),
            (Role.OPERATOR, Relation.OTHER_PACK),
        }
    ),
    Action.ACCEPT: _BY_OWNER,
    Action.PROGRESS: _BY_OWNER,
    Action.ASK: _BY_OWNER,
    Action.PROMISE: _BY_OWNER,
    Action.TRANSFER: _BY_OWNER,
    Action.RESOLVE: _BY_OWNER,
    Action.TRANSFER_ACCEPT: _BY_RECEIVER,
    Action.TRANSFER_DECLINE: _BY_RECEIVER,
    Action.ASSIGN: _BY_OFFICE | _BY_TRIAGE,
    Action.NOTE: _BY_OWNER | _BY_RECEIVER | _BY_OFFICE,
    Action.RECORD_ANSWER: _ON_THE_PHONE,
    Action.RECORD_CONFIRMATION: _BY_OWNER | _BY_OFFICE,  # and not who proposed the resolution: `life.refusal_of`
    Action.RECORD_DISPUTE: _ON_THE_PHONE,
    Action.RAW_EVENTS: frozenset({(Role.OPERATOR, Relation.SAME_PACK), (Role.OPERATOR, Relation.OTHER_PACK)}),
}


def relations(actor: Actor, case: Case, desks: Desks) -> frozenset[Relation]:
    """Every way the actor's department stands to the case. Departments of another pack stand in none but that."""
    if actor.pack != case.pack:
        return frozenset({Relation.OTHER_PACK})
    found = {Relation.SAME_PACK}
    if actor.department == case.department:
        found.add(Relation.OWNER)
    if actor.department == case.offered_to:
        found.add(Relation.RECEIVER)
    if actor.department == desks.triage:
        found.add(Relation.TRIAGE)
        if case.department == desks.triage:
            found.add(Relation.TRIAGE_OWNER)
    if actor.department == desks.office:
        found.add(Relation.OFFICE)
    return frozenset(found)


def may(actor: Actor, action: Action, case: Case, desks: Desks) -> bool:
    """Whether the table grants it."""
    granted = MATRIX[action]
    return any((actor.role, relation) in granted for relation in relations(actor, case, desks))


def reads_everything(actor: Actor, desks: Desks) -> bool:
    """Whether the actor may read every case of the pack, so that a list needs no filter by department."""
    return actor.role in {Role.LEAD, Role.OFFICE, Role.OPERATOR} or (
        actor.role is Role.HANDLER and actor.department in {desks.triage, desks.office}
    )
