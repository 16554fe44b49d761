"""Brings new code into a running installation: the services are replaced one at a time, so that filing goes on.

Around it stand the migrations: *pre* before (old code goes on working with them), *post* after the last old copy is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from deploy.stack.control import Control
from deploy.stack.errors import StackError
from deploy.stack.record import Planned, digest
from deploy.stack.services import NAMES
from deploy.stack.waiting import wait_for_one

#: Who reads an event is replaced before who writes it, so that nothing is written that an old copy cannot read.
ORDER = tuple(reversed(NAMES))
#: While these stay the same for a service, an old copy of it can work beside new copies of the others.
_MUST_STAY = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "HTTP_PORT")


def running_services(control: Control, wanted: Sequence[Planned]) -> list[Planned]:
    """The services as they run now, if they can be replaced one at a time; nothing if they have to stop first."""
    alive = control.alive()
    now = {plan.spec.name: plan for plan in control.run.read_plan() if plan.spec.name in NAMES}
    then = {plan.spec.name: plan for plan in wanted if plan.spec.name in NAMES}
    if set(now) != set(then) or not set(now) & set(alive):
        return []
    stay = all(
        now[name].spec.env.get(setting) == then[name].spec.env.get(setting) for name in now for setting in _MUST_STAY
    )
    records = control.run.read_status().processes
    return (
        [replace(plan, started_as=records[name].digest) for name, plan in now.items() if name in records]
        if stay
        else []
    )


def replace_services(
    control: Control,
    old: Sequence[Planned],
    wanted: Sequence[Planned],
    ready: Mapping[str, Callable[[], bool]],
    tell: Callable[[str], None],
) -> None:
    """Replace what runs by what is wanted, one service after the other, each once the one before is ready.

    Raises:
        StackError: A new copy does not become ready; those after it are left as they are.
    """
    then = {planned.spec.name: planned for planned in wanted}
    plan = {**then, **{planned.spec.name: planned for planned in old}}
    for name in ORDER:
        tell(name)
        plan[name] = then[name]
        control.follow(list(plan.values()))
        wait_for_one(control, name, ready[name])
    wait_until_old_copies_are_gone(control, wanted)


def wait_until_old_copies_are_gone(control: Control, wanted: Sequence[Planned]) -> None:
    """Make sure that every service that runs is one that is wanted.

    Raises:
        StackError: It is not; migrations of the phase *post* would pull away what it stands on.
    """
    records = control.run.read_status().processes
    old = [p.spec.name for p in wanted if p.spec.name in NAMES and records[p.spec.name].digest != digest(p)]
    if old:
        raise StackError(f"An old copy still runs: {', '.join(old)}", "Run `make up` again")
