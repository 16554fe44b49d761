"""The demo staff of the local stack: somebody for every department, and one of each other role."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_NAMES = (
    *("陈晓", "李敏", "王芳", "张伟", "刘洋", "赵静", "周强", "吴倩", "郑凯", "孙悦", "何琳", "高峰"),
    *("Anna Berg", "Sam Okoye", "Priya Nair", "Tom Fischer", "Lena Novak", "Marc Dubois", "Ines Costa", "Jo Walsh"),
    *("Omar Haddad", "Ruth Cohen", "Ivan Petrov", "Mia Larsen", "Noah Smith", "Eva Kraus"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of staff to be."""

    user: str
    name: str
    role: str
    department: str
    pack: str | None = None


def demo_staff(policies: Path, pack: str) -> list[Person]:
    """Everybody who may sign in locally, the departments of `pack` first.

    Each department of each pack has one person whose user name is the department's id: of role `office` where the
    department guards the process, `handler` elsewhere. Besides, there are a lead, an agent of the call centre and an
    operator.
    """
    from shared.policies.packs import load_packs

    packs = load_packs(policies)
    departments = sorted(packs.departments, key=lambda department: packs.pack_of(department.id).name != pack)
    wanted = [(d.id, "office" if d.kind == "office" else "handler", d.id) for d in departments]
    known = {department.id for department in departments}
    office = next(department.id for department in departments if department.kind == "office")
    wanted += [
        ("lead", "lead", "delivery" if "delivery" in known else departments[0].id),
        ("agent", "agent", "customer-service" if "customer-service" in known else departments[0].id),
        ("operator", "operator", office),
    ]
    return [
        Person(
            user=user,
            name=_NAMES[number % len(_NAMES)],
            role=role,
            department=department,
            pack=packs.pack_of(department).name,
        )
        for number, (user, role, department) in enumerate(wanted)
    ]
