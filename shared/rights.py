"""Who may do and see what: one table of role × relation to the case, for all four services. What is not in it is refused.

Two rules stand beside the table. A pack is a wall: whoever is of another pack stands to a case in no relation but that.
And nobody reads what is said about their own department's people: for a complaint `about` a department of theirs which
they do not own, only that it is there, who has it and by when (`STATUS`) is left of what they may. The complaints office
handles it; one about the office itself the triage desk.

Pure. `docs/runbook.md` shows the table; a test asks every route of every service as each kind of person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a member of staff is."""

    HANDLER = "handler"
    LEAD = "lead"
    AGENT = "agent"
    OFFICE = "office"
    OPERATOR = "operator"


class Relation(StrEnum):
    """How somebody's departments stand to a case. One person can stand in several."""

    OWNER = "owner"
    RECEIVER = "receiver"
    TRIAGE_OWNER = "triage_owner"
    TRIAGE = "triage"
    OFFICE = "office"
    SAME_PACK = "same_pack"
    OTHER_PACK = "other_pack"


class Action(StrEnum):
    """What can be done or seen. Those of `COMMANDS` are the commands of the staff API under their names there."""

    READ = "read"
    ACCEPT = "accept"
    PROGRESS = "progress"
    ASK = "ask"
    PROMISE = "promise"
    TRANSFER = "transfer"
    TRANSFER_ACCEPT = "transfer/accept"
    TRANSFER_DECLINE = "transfer/decline"
    TRANSFER_WITHDRAW = "transfer/withdraw"
    ASSIGN = "assign"
    RESOLVE = "resolve"
    NOTE = "note"
    RECORD_TOLD = "record/told"
    RECORD_ANSWER = "record/answer"
    RECORD_CONFIRMATION = "record/confirmation"
    RECORD_DISPUTE = "record/dispute"
    RAW_EVENTS = "raw_events"
    STATUS = "status"
    CLOCKS = "clocks"
    NOTICES = "notices"
    LIST = "list"
    EXPORT = "export"
    FILE = "file"
    LOOK_UP = "look_up"
    AMEND = "amend"
    WITHDRAW = "withdraw"
    ERASE = "erase"
    EXPORT_PERSON = "export_person"
    SECURITY_LOG = "security_log"


COMMANDS: tuple[Action, ...] = (
    Action.ACCEPT, Action.PROGRESS, Action.ASK, Action.PROMISE, Action.TRANSFER, Action.TRANSFER_ACCEPT,
    Action.TRANSFER_DECLINE, Action.TRANSFER_WITHDRAW, Action.ASSIGN, Action.RESOLVE, Action.NOTE, Action.RECORD_TOLD,
    Action.RECORD_ANSWER,
    Action.RECORD_CONFIRMATION, Action.RECORD_DISPUTE,
)  # fmt: skip
"""What moves a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of staff.

    Attributes:
        departments: whose cases are theirs besides those of `department`.
        pack: the pack of their department; None: nobody knows.
    """

    user: str
    role: Role
    department: str
    pack: str | None
    departments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The actor of a cause."""
        return f"staff:{self.user}"

    @property
    def theirs(self) -> frozenset[str]:
        """Every department they act for."""
        return frozenset((self.department, *self.departments))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What of a case decides who may do what. A service that does not know something leaves it out.

    Attributes:
        owner: the department that has it; None while nobody has.
        offered_to: the department asked to take it over.
        about: the department whose people it is about.
        triage: the triage desk of its pack; `office` the complaints office.
    """

    pack: str | None
    owner: str | None
    offered_to: str | None = None
    about: str | None = None
    triage: str | None = None
    office: str | None = None


Grant = tuple[Role, Relation]


def _by(relation: Relation, *roles: Role) -> frozenset[Grant]:
    return frozenset((role, relation) for role in roles)


_WORKERS = (Role.HANDLER, Role.LEAD, Role.OFFICE)
_BY_OWNER = _by(Relation.OWNER, *_WORKERS)
_BY_RECEIVER = _by(Relation.RECEIVER, *_WORKERS)
_BY_OFFICE = _by(Relation.OFFICE, *_WORKERS)
_BY_TRIAGE = _by(Relation.TRIAGE_OWNER, *_WORKERS)
_ON_THE_PHONE = _BY_OWNER | _BY_OFFICE | _by(Relation.OWNER, Role.AGENT)
"""Whoever of the owning department has the customer on the line, and the complaints office."""
_OPERATORS = _by(Relation.SAME_PACK, Role.OPERATOR) | _by(Relation.OTHER_PACK, Role.OPERATOR)
_CALL_DESK = _by(Relation.SAME_PACK, Role.AGENT, Role.LEAD, Role.OFFICE)
_DESKS = _BY_OFFICE | _by(Relation.TRIAGE, *_WORKERS)
_LISTED = _BY_OWNER | _BY_RECEIVER | _DESKS | _by(Relation.OWNER, Role.AGENT) | _by(
    Relation.SAME_PACK, Role.LEAD, Role.OFFICE
)  # fmt: skip
_READ = _LISTED | _by(Relation.SAME_PACK, Role.AGENT)
"""Agents read what a caller's reference leads to, of their pack; their lists are their department's."""

MATRIX: Mapping[Action, frozenset[Grant]] = {
    Action.READ: _READ,
    Action.STATUS: _READ | _OPERATORS,
    Action.CLOCKS: _READ | _OPERATORS,
    Action.NOTICES: _READ | _OPERATORS,
    Action.LIST: _LISTED | _OPERATORS,
    Action.EXPORT: _LISTED | _OPERATORS,
    Action.ACCEPT: _BY_OWNER,
    Action.PROGRESS: _BY_OWNER,
    Action.ASK: _BY_OWNER,
    Action.PROMISE: _BY_OWNER,
    Action.TRANSFER: _BY_OWNER,
    Action.TRANSFER_WITHDRAW: _BY_OWNER,
    Action.RESOLVE: _BY_OWNER,
    Action.TRANSFER_ACCEPT: _BY_RECEIVER,
    Action.TRANSFER_DECLINE: _BY_RECEIVER,
    Action.ASSIGN: _BY_OFFICE | _BY_TRIAGE,
    Action.NOTE: _BY_OWNER | _BY_RECEIVER | _BY_OFFICE,
    Action.RECORD_TOLD: _ON_THE_PHONE,
    Action.RECORD_ANSWER: _ON_THE_PHONE,
    Action.RECORD_CONFIRMATION: _BY_OWNER | _BY_OFFICE,  # and not who proposed the resolution: `life.refusal_of`
    Action.RECORD_DISPUTE: _ON_THE_PHONE,
    Action.RAW_EVENTS: _OPERATORS,
    Action.FILE: _CALL_DESK,
    Action.LOOK_UP: _CALL_DESK,
    Action.AMEND: _by(Relation.SAME_PACK, Role.AGENT, Role.OFFICE),
    Action.WITHDRAW: _by(Relation.SAME_PACK, Role.AGENT, Role.OFFICE),
    Action.ERASE: _by(Relation.SAME_PACK, Role.OFFICE),
    Action.EXPORT_PERSON: _by(Relation.SAME_PACK, Role.OFFICE),
    Action.SECURITY_LOG: _by(Relation.SAME_PACK, Role.OFFICE) | _OPERATORS,
}

_LEFT = frozenset({
    Action.STATUS, Action.CLOCKS, Action.NOTICES, Action.LIST, Action.EXPORT, Action.RAW_EVENTS, Action.FILE,
    Action.LOOK_UP, Action.AMEND, Action.WITHDRAW, Action.SECURITY_LOG,
})  # fmt: skip
"""What shows nobody's words: it is left to those whose own people a complaint is about."""


def relations(person: Person, case: Standing) -> frozenset[Relation]:
    """Every way the person's departments stand to the case. Those of another pack stand in none but that."""
    if person.pack is None or person.pack != case.pack:
        return frozenset({Relation.OTHER_PACK})
    theirs, found = person.theirs, {Relation.SAME_PACK}
    if case.owner in theirs:
        found.add(Relation.OWNER)
    if case.offered_to in theirs:
        found.add(Relation.RECEIVER)
    if case.triage in theirs:
        found.add(Relation.TRIAGE)
        if case.owner == case.triage:
            found.add(Relation.TRIAGE_OWNER)
    if case.office in theirs:
        found.add(Relation.OFFICE)
    return frozenset(found)


def is_barred(person: Person, case: Standing) -> bool:
    """Whether the case is about people of a department of theirs that does not have it."""
    return case.about in person.theirs and case.owner not in person.theirs and person.pack == case.pack


def may(person: Person, action: Action, case: Standing) -> bool:
    """Whether the table grants it."""
    if action not in _LEFT and is_barred(person, case):
        return False
    return any((person.role, relation) in MATRIX[action] for relation in relations(person, case))


def may_anywhere(role: str, action: Action) -> bool:
    """Whether a role may do it to any case at all, so that it is offered the way there."""
    return any(role == granted for granted, _ in MATRIX[action])


def of_pack(
    pack: str, department: str | None = None, *, triage: str | None = None, office: str | None = None
) -> Standing:
    """A case of a pack as lists know it: with its owner, or any of the pack."""
    return Standing(pack=pack, owner=department, triage=triage, office=office)


def listed_departments(
    person: Person, pack: str, departments: Iterable[str], *, triage: str | None, office: str | None
) -> list[str]:
    """Of these departments of a pack those whose cases stand in the person's lists."""
    return [one for one in departments if may(person, Action.LIST, of_pack(pack, one, triage=triage, office=office))]
