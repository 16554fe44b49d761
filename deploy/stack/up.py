"""`redress up`: from nothing to a running stack, or a word that it runs already."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Literal

from deploy.stack import archive, preflight, services
from deploy.stack.control import Control
from deploy.stack.errors import StackError
from deploy.stack.fetch import check_space, ensure_java, fetch_parts
from deploy.stack.memory import Servers, recall, remember
from deploy.stack.ports import Ports
from deploy.stack.record import Planned, RunFolder, digest
from deploy.stack.settings import StackSettings
from deploy.stack.stack import LocalStack, Wanted, database_host
from deploy.stack.state import StateFolder
from deploy.stack.terminal import Terminal
from deploy.stack.upgrade import ORDER, replace_services, running_services
from deploy.stack.waiting import wait_for_all, wait_for_one


def up(
    settings: StackSettings,
    terminal: Terminal,
    *,
    first: bool = True,
    servers: Servers = "ask",
    ask: Callable[[str], bool] | None = None,
) -> None:
    """Bring everything up and show where it is.

    Args:
        settings: What the user asked for.
        terminal: Where progress is shown.
        first: File and follow a complaint when the stack was not running yet; only through servers that are its own.
        servers: What becomes of the servers of last time when the shell names others.
        ask: Puts a question to the person at the terminal; `None` when nobody is there.

    Raises:
        StackError: Something is in the way; one line with the remedy.
    """
    preflight.check_python()
    StateFolder(settings.home).open()
    control = Control(RunFolder(settings.home))
    lock = control.run.take_lock("up")
    if lock is None:
        raise StackError("Another `redress up` is at work in this state folder", "Wait until it is done")
    with lock:
        _up(recall(settings, servers, say=terminal.say, ask=ask), terminal, control, first=first)


def _up(settings: StackSettings, terminal: Terminal, control: Control, *, first: bool) -> None:
    stack = _check_and_fetch(settings, terminal, control)
    if _runs_already(stack, control):
        remember(stack.settings)
        terminal.say(f"Redress is already running, nothing changed. State: {stack.home}")
        show_addresses(terminal, _read_endpoints(stack.home))
        return
    endpoints, went_on = _start(stack, control, terminal)
    terminal.say(f"Everything is ready after {terminal.seconds:.1f} s.")
    if stack.archives_missing:
        archive.build_in_background(stack.settings)
    if first and not went_on:
        _tell_first_story(terminal, endpoints, stack)
    show_addresses(terminal, endpoints)


def _check_and_fetch(settings: StackSettings, terminal: Terminal, control: Control) -> LocalStack:
    """Everything that can be found wrong before anything is started."""
    wanted = Wanted.by(settings)
    check_space(settings, *wanted.parts)
    listening = preflight.wanted_ports(
        Ports.at(settings.redress_port_base),
        kafka=wanted.kafka,
        postgres=wanted.postgres,
        mail=wanted.mail,
        traces=wanted.traces,
    )
    preflight.check_ports(listening, [identity.pid for identity in control.alive().values()])
    java = ensure_java(settings, terminal) if wanted.java else None
    return LocalStack(settings, java, fetch_parts(settings, terminal, *wanted.parts))


def _runs_already(stack: LocalStack, control: Control) -> bool:
    """Say whether a supervisor runs exactly what we would start, and all of it is ready."""
    if not control.is_current() or not (stack.home / "endpoints.json").exists() or not stack.state.is_settled():
        return False
    if stack.postgres and not (stack.home / "postgres" / "PG_VERSION").exists():
        return False
    stack.prepare()
    wanted = {planned.spec.name: digest(planned) for planned in stack.everything()}
    records = control.run.read_status().processes
    if {name: record.digest for name, record in records.items() if record.state == "running"} != wanted:
        return False
    return all(services.is_ready(services.url_of(stack.ports, name)) for name in services.NAMES)


def _start(stack: LocalStack, control: Control, terminal: Terminal) -> tuple[dict[str, Any], bool]:
    """Start or replace what is not as wanted; answers the addresses, and whether services went on all the time."""
    terminal.say(f"Starting Redress; state in {stack.home}, ports from {stack.ports.base}")
    with terminal.step("laying out the data folders"):
        stack.prepare()
    plan = stack.everything()
    filled = stack.state.is_filled_with(stack.contents()) and (stack.home / "endpoints.json").exists()
    old = running_services(control, plan)
    if filled:
        remember(stack.settings)
        _start_services(stack, control, terminal, plan)
        return _read_endpoints(stack.home), bool(old)
    stack.state.mark_unsettled()
    _start_infrastructure(stack, control, old)
    risks: list[str] = []
    with terminal.step("starting and filling " + ", ".join(p.spec.name for p in stack.infrastructure())):
        endpoints = asyncio.run(_fill(stack, control, "pre" if old else "all", risks.append))
    for risk in risks:
        terminal.say(risk)
    remember(stack.settings)
    stack.state.write_endpoints(endpoints)
    if old:
        _upgrade(stack, control, terminal, old, plan)
    else:
        asyncio.run(_require_signatures(stack))
        _start_services(stack, control, terminal, plan[-len(services.NAMES) :])
    stack.state.mark_filled(stack.contents())
    return _read_endpoints(stack.home), bool(old)


def _start_services(stack: LocalStack, control: Control, terminal: Terminal, named: Sequence[Planned]) -> None:
    with terminal.step("starting " + ", ".join(planned.spec.name for planned in named)) as tell:
        control.follow(stack.everything())
        wait_for_all(control, stack.probes(), lambda left: tell(f"waiting for {', '.join(left)}"))


def _upgrade(
    stack: LocalStack, control: Control, terminal: Terminal, old: Sequence[Planned], plan: Sequence[Planned]
) -> None:
    from deploy.stack.setup import migrate_all

    with terminal.step("replacing " + ", ".join(ORDER) + ", one at a time") as tell:
        replace_services(control, old, plan, stack.probes(), lambda name: tell(f"waiting for {name}"))
        wait_for_all(control, stack.probes(), lambda left: tell(f"waiting for {', '.join(left)}"))
    with terminal.step("removing what only the old copies needed"):
        asyncio.run(migrate_all(stack.database, "post"))
        asyncio.run(_require_signatures(stack))


async def _require_signatures(stack: LocalStack) -> None:
    """No copy of a release that did not sign is left: what comes now must be signed."""
    from deploy.database import operator_connection
    from deploy.keys.signing import require_signatures

    async with operator_connection(stack.database) as connection:
        await require_signatures(connection, stack.kafka_access)


def _start_infrastructure(stack: LocalStack, control: Control, old: Sequence[Planned]) -> None:
    """Start servers that do not run yet, below the services that go on running until each is replaced."""
    wanted: Sequence[Planned] = stack.infrastructure()
    alive = control.alive()
    records = control.run.read_status().processes
    settled = all(
        planned.spec.name in alive and records[planned.spec.name].digest == digest(planned) for planned in wanted
    )
    if settled and control.is_current() and old:
        return
    control.follow([*wanted, *old])


async def _fill(
    stack: LocalStack, control: Control, phase: Literal["pre", "all"], warn: Callable[[str], None]
) -> dict[str, Any]:
    """Prepare Postgres and Kafka at the same time, each as soon as it answers; `warn` hears what they do not survive."""
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_fill_kafka(stack, control, warn))
            endpoints = both.create_task(_fill_postgres(stack, control, phase))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return endpoints.result()


async def _fill_kafka(stack: LocalStack, control: Control, warn: Callable[[str], None]) -> None:
    from deploy.stack.topics import create_topics

    if stack.kafka is not None:
        await asyncio.to_thread(wait_for_one, control, "kafka", stack.kafka.is_ready)
        await create_topics(stack.kafka_access)  # one broker on one machine: nobody expects copies
    else:
        await create_topics(stack.kafka_access, say=warn)


async def _fill_postgres(stack: LocalStack, control: Control, phase: Literal["pre", "all"]) -> dict[str, Any]:
    from deploy.stack.people import demo_staff
    from deploy.stack.setup import prepare_clients, prepare_database, prepare_staff, prepare_vault

    if stack.postgres is not None:
        await asyncio.to_thread(wait_for_one, control, "postgres", stack.postgres.is_ready)
    await prepare_database(stack.database, stack.passwords(), phase)
    if stack.vault is not None:
        await prepare_vault(stack.vault, stack.database, stack.passwords())
    pack = stack.settings.default_pack
    keys, sign_ins = await asyncio.gather(
        prepare_clients(stack.database, stack.state, pack),
        prepare_staff(stack.database, stack.state, demo_staff(stack.settings.policies_dir, pack)),
    )
    return stack.endpoints(keys, sign_ins)


def _tell_first_story(terminal: Terminal, endpoints: dict[str, Any], stack: LocalStack) -> None:
    """File a made-up complaint, unless it would reach servers that other people use."""
    from deploy.stack.first import follow_one

    if not stack.is_all_its_own:
        terminal.say("No first complaint is filed, because it would go through servers that are not this stack's own.")
        return
    story = follow_one(endpoints)
    terminal.say("\nThe first complaint, filed through the public API:")
    terminal.say(
        f"  {story.accepted * 1000:6.0f} ms  accepted as {story.reference}, the customer's page: {story.progress_url}"
    )
    terminal.say(
        f"  {story.assigned * 1000:6.0f} ms  assigned to {story.owner}" + (f": {story.why}" if story.why else "")
    )
    due = _as_customers_read(story.due_at, story.department, stack.settings.policies_dir)
    terminal.say(f"  {story.dated * 1000:6.0f} ms  answer due {due}")
    if story.subject:
        terminal.say(f"  {story.mailed * 1000:6.0f} ms  in the mailbox of {story.recipient}: {story.subject}")


def _as_customers_read(moment: str, department: str, policies: Path) -> str:
    """A date in the words of the notice, by the wall clock of the department that owes it."""
    from services.notifier.domain.timewords import before
    from shared.policies.errors import PolicyError
    from shared.policies.packs import load_packs

    zone: tzinfo
    try:
        zone = load_packs(policies).zone_of(department)
    except (PolicyError, KeyError):  # edited since the services read them; no reason to fail here
        zone = UTC
    return before(datetime.fromisoformat(moment), now=datetime.now(UTC), zone=zone, language="en").exact


def _read_endpoints(home: Path) -> dict[str, Any]:
    endpoints: dict[str, Any] = json.loads((home / "endpoints.json").read_text())
    return endpoints


def show_addresses(terminal: Terminal, endpoints: dict[str, Any]) -> None:
    """Print where everything is and who may sign in."""
    rows = [
        ("start here", endpoints["intake"], "start page; web form at /file, agent's form at /agent"),
        *(
            [("API, metrics", endpoints["ops"]["intake"], "/docs and /metrics of intake; the others on the next ports")]
            if "ops" in endpoints
            else []
        ),
        ("desk", endpoints["router"], "queues and cases of the departments (sign-ins below)"),
        ("clocks", endpoints["sla"], "board of all clocks"),
        ("customer", endpoints["notifier"], "progress pages behind private links"),
        ("mail", endpoints["mail"] or "-", "every message that was sent"),
        *([("traces", endpoints["traces"], "one trace per complaint")] if endpoints["traces"] else []),
        ("Kafka", endpoints["kafka"], "topics: `redress topics`"),
        ("Postgres", database_host(endpoints["postgres"]), "credentials in .redress/endpoints.json"),
    ]
    terminal.table("Addresses", ("what", "where", "for"), rows)
    people = endpoints["sign_ins"]
    first_users = ("complaints-office", "triage", "after-sales", "delivery", "lead", "agent", "operator")
    chosen = [person for user in first_users for person in people if person["user"] == user] or people[:7]
    terminal.table(
        f"Demo sign-ins (a department's name is its user name; all {len(people)} are in .redress/endpoints.json)",
        ("user", "password", "role", "department"),
        [(p["user"], p["password"], p["role"], p["department"]) for p in chosen],
    )
    terminal.say("\nNext: `make demo` plays complaints, `make status`, `make logs`, `make down`.")
