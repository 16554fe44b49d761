"""`redress up`, `down`, `status` and `reset`."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from deploy.stack.control import Control
from deploy.stack.errors import StackError
from deploy.stack.memory import Servers
from deploy.stack.record import RunFolder
from deploy.stack.settings import StackSettings, load_settings
from deploy.stack.state import StateFolder
from deploy.stack.terminal import Terminal

#: Characters of the last words that fit a table; `--json` has all of them.
_LONGEST_WHY = 110
#: Seconds after which a process that runs and does not answer is no longer thought to be starting.
_LONGEST_START = 60


def up(
    first: Annotated[
        bool, typer.Option(help="File one complaint when the stack was not running, and follow it.")
    ] = True,
    servers: Annotated[
        Servers,
        typer.Option(
            help="When the shell names other servers than last time: ask, keep those, or change to the shell's."
        ),
    ] = "ask",
) -> None:
    """Start everything locally and wait until it is ready; where it runs already, change nothing and say so.

    Settings of the shell are remembered in the state folder; a later `up` without them means the same stack.
    """
    from deploy.stack.up import up as bring_up

    ask = typer.confirm if sys.stdin.isatty() else None
    bring_up(load_settings(), Terminal(), first=first, servers=servers, ask=ask)


def fetch() -> None:
    """Download everything the local stack and the tests need; nothing where it is there already."""
    from deploy.stack.fetch import EVERYTHING, check_space, ensure_java, fetch_parts

    settings = load_settings()
    terminal = Terminal()
    check_space(settings, *EVERYTHING)
    if settings.kafka_bootstrap_servers is None:
        ensure_java(settings, terminal)
    fetch_parts(settings, terminal, *EVERYTHING)


def down() -> None:
    """Stop everything in order. Complaints stay in the state folder; `redress up` brings them back."""
    settings = load_settings()
    terminal = Terminal()
    if not Control(RunFolder(settings.home)).stop(lambda line: terminal.say(f"  {line}")):
        terminal.say("Redress is not running.")
        return
    terminal.say(f"Stopped after {terminal.seconds:.1f} s; complaints are kept in {settings.home}")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show what runs, since when, how often it was restarted, and what ended it the last time.

    The exit code is 0 when everything runs and is ready, otherwise 1.
    """
    settings = load_settings()
    processes = _processes(settings)
    if as_json:
        print(json.dumps({"processes": processes}, indent=2, ensure_ascii=False))
    else:
        _show(settings, processes)
    if not processes or any(process["state"] != "running" for process in processes):
        raise typer.Exit(1)


def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop everything and delete all complaints, messages, keys and logs of this stack. Downloads stay."""
    settings = load_settings()
    terminal = Terminal()
    if not settings.home.exists():
        terminal.say(f"There is nothing in {settings.home}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise StackError(f"This would delete everything in {settings.home}", "Say `redress reset --yes` to do it")
        typer.confirm(f"Delete all complaints and everything else in {settings.home}?", abort=True)
    Control(RunFolder(settings.home)).stop(lambda line: terminal.say(f"  {line}"))
    StateFolder(settings.home).remove()
    terminal.say(f"Deleted {settings.home}")


def _processes(settings: StackSettings) -> list[dict[str, Any]]:
    """The processes on record, in reading order; what runs but does not answer is `starting`, after a minute `not answering`."""
    from deploy.stack.stack import NAMES

    run = RunFolder(settings.home)
    records = run.read_status().processes
    names = [name for name in NAMES if name in records]
    with ThreadPoolExecutor(8) as workers:
        ready = dict(zip(names, workers.map(lambda name: _answers(settings, name), names), strict=True))
    found = []
    for name in names:
        record = records[name]
        alive = record.identity is not None and record.identity.is_alive()
        state = record.state if record.state != "running" or alive else "dead"
        found.append(
            {
                "name": name,
                "pid": record.identity.pid if alive and record.identity else None,
                "state": _silent(record.since) if state == "running" and not ready[name] else state,
                "restarts": record.restarts,
                "since": record.since,
                "why": record.why,
            }
        )
    return found


def _answers(settings: StackSettings, name: str) -> bool:
    from deploy.stack import kafka, postgres, services
    from deploy.stack.mail.server import accepts
    from deploy.stack.ports import Ports
    from deploy.stack.process import is_well

    ports = Ports.at(_base(settings))
    if name in services.NAMES:
        return services.is_ready(services.url_of(ports, name))
    if name == "kafka":
        return kafka.answers("127.0.0.1", ports.kafka)
    if name == "postgres":
        return postgres.answers(ports.postgres)
    if name == "traces":
        return is_well(f"http://127.0.0.1:{ports.traces}/health")
    return accepts(ports.mail)


def _base(settings: StackSettings) -> int:
    """The port base of the running stack, whatever the shell says now."""
    try:
        endpoints = json.loads((settings.home / "endpoints.json").read_text())
        return int(endpoints["intake"].rsplit(":", 1)[1]) - 1
    except (OSError, ValueError, KeyError):
        return settings.redress_port_base


def _show(settings: StackSettings, processes: list[dict[str, Any]]) -> None:
    terminal = Terminal()
    if not processes:
        terminal.say(f"Redress is not running (state: {settings.home}). Start it with `make up`.")
        return
    rows = [
        (p["name"], str(p["pid"] or "-"), p["state"], str(p["restarts"]), _age(p["since"]), _short(p["why"]))
        for p in processes
    ]
    terminal.table(f"State: {settings.home}", ("process", "pid", "state", "restarts", "for", "why it ended last"), rows)
    if Control(RunFolder(settings.home)).supervisor() is None:
        terminal.say("\nThe supervisor is gone, so nothing is restarted: run `make up` to bring it back.")


def _silent(since: str) -> str:
    """What a process does that runs and does not answer."""
    age = (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()
    return "starting" if age < _LONGEST_START else "not answering"


def _short(why: str) -> str:
    if not why:
        return "-"
    return why if len(why) <= _LONGEST_WHY else why[: _LONGEST_WHY - 1] + "…"


def _age(since: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"
