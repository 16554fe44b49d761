"""Who may do what to a case: how a case stands to the one table of rights, `shared/rights.py`."""

from services.router.domain.case import Case, Desks
from shared import rights
from shared.rights import COMMANDS, MATRIX, Action, Relation, Role
from shared.rights import Person as Actor

__all__ = ["COMMANDS", "MATRIX", "Action", "Actor", "Relation", "Role", "may", "reads_everything", "relations"]


def standing_of(case: Case, desks: Desks) -> rights.Standing:
    """What of the case decides who may do what."""
    return rights.Standing(
        pack=case.pack,
        owner=case.department,
        offered_to=case.offered_to,
        about=case.about,
        triage=desks.triage,
        office=desks.office,
    )


def relations(actor: Actor, case: Case, desks: Desks) -> frozenset[Relation]:
    """Every way the actor's departments stand to the case."""
    return rights.relations(actor, standing_of(case, desks))


def may(actor: Actor, action: Action, case: Case, desks: Desks) -> bool:
    """Whether the table grants it."""
    return rights.may(actor, action, standing_of(case, desks))


def reads_everything(actor: Actor, desks: Desks) -> bool:
    """Whether every case of the pack stands in the actor's lists, so that a list needs no filter by department."""
    somebodys = rights.Standing(pack=actor.pack, owner=None, triage=desks.triage, office=desks.office)
    return rights.may(actor, Action.LIST, somebodys)
