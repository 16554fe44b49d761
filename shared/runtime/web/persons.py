"""Staff and cases as the table of rights knows them: with the packs of their departments."""

from shared.policies.packs import Packs
from shared.rights import Action, Person, Role, Standing, may
from shared.runtime.directory import Member
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import Staff


def person_of(staff: Staff | Member, packs: Packs) -> Person:
    """A member of staff, signed in or as the directory has them. Where no pack has their department any more, the one it
    was of counts.
    """
    return Person(
        user=staff.user,
        role=Role(staff.role),
        department=staff.department,
        departments=staff.departments,
        pack=pack_of(staff.department, packs) or staff.pack,
    )


def pack_of(department: str, packs: Packs) -> str | None:
    """The pack of a department, where one that is loaded has it."""
    try:
        return packs.pack_of(department).name
    except KeyError:
        return None


def standing_in(
    packs: Packs, pack: str | None, owner: str | None, *, offered_to: str | None = None, about: str | None = None
) -> Standing:
    """A case of a pack, which says who its deciding desks are while it is loaded."""
    known = packs.by_name.get(pack or "")
    triage, office = (known.routing.fallback, known.routing.office) if known else (None, None)
    return Standing(pack=pack, owner=owner, offered_to=offered_to, about=about, triage=triage, office=office)


def pack_for(staff: Staff, packs: Packs, action: Action) -> str:
    """The pack in which somebody may do something that is about no case yet.

    Raises:
        Problem: 403 for whoever may not, or has no pack.
    """
    person = person_of(staff, packs)
    if person.pack is None or not may(person, action, standing_in(packs, person.pack, None)):
        raise Problem(403, "not-allowed")
    return person.pack
