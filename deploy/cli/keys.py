"""`redress keys list|rotate|give-up|rotate-events|forget-event-key|require-signatures`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deploy.stack.errors import StackError

if TYPE_CHECKING:
    from deploy.database import Connection
    from shared.runtime.master_keys import MasterKeys

T = TypeVar("T")

app = typer.Typer(
    name="keys",
    help="The master keys, which wrap the keys of persons (MASTER_KEY_FILE and MASTER_KEYS_OLD name their files), and the"
    " event keys, which events are signed with (EVENT_KEYS_DIR).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List the keys by their ids: how many keys of persons each master key wraps, and who signs events by which key."""
    from rich.console import Console
    from rich.table import Table

    from deploy.keys.rotation import Q

    masters = _masters()
    rows = _with_vault(lambda connection: connection.fetch(Q.masters))
    found = [_told(dict(row), masters) for row in rows]
    signing = _signing()
    if as_json:
        typer.echo(json.dumps({"keys": found} | signing, default=str))
        return
    table = Table("master key", "state", "keys of persons", "known since")
    for one in found:
        since = one["known_since"].astimezone().strftime("%Y-%m-%d %H:%M %Z") if one["known_since"] else "–"
        table.add_row(one["key_id"] or "(before keys had ids)", one["state"], str(one["persons"]), since)
    Console().print(table)
    events = Table("event key", "writer", "state")
    for one in signing["event_keys"]:
        events.add_row(one["key_id"], one["writer"], one["state"])
    Console().print(events if signing["event_keys"] else "No event keys are at hand.")
    typer.echo(_told_of_unsigned(signing["signatures_required"]))


@app.command("rotate")
def rotate_command() -> None:
    """Wrap the keys of persons by the current master key. It may be stopped and run again at any time.

    Start the services with the new key first (MASTER_KEY_FILE: the new one, MASTER_KEYS_OLD: the old one).
    """
    from deploy.keys.rotation import rotate

    masters = _masters()
    done = _with_vault(lambda connection: rotate(connection, masters, _progress))
    typer.echo(f"{done.wrapped} keys of persons are now wrapped by master key {masters.current.key_id}")
    for key_id in done.forgotten:
        typer.echo(f"master key {key_id} wraps nothing any more: take its file out of MASTER_KEYS_OLD")
    for person_id in done.closed[:20]:
        typer.echo(f"the key of person {person_id} opens under none of the master keys given", err=True)
    if done.left:
        raise StackError(
            f"{done.left} keys of persons are still wrapped by another master key",
            "Name its file in MASTER_KEYS_OLD, or restart services that run with the old one, and run this again",
        )


@app.command("give-up")
def give_up_command(
    key_id: Annotated[str, typer.Argument(help="Id of the master key, as `redress keys list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Say that a master key is lost for good: services start without it; what it wraps can never be read again.

    The complaints of those persons stay and go their way, without the customer's words and without mail to them. Was it
    the first key, people who come again are new persons: nothing finds the earlier ones by their contact.
    """
    from deploy.keys.rotation import Q

    if _masters().get(key_id) is not None:
        raise StackError(f"Master key {key_id} is not lost: its file is at hand", "Leave it in MASTER_KEYS_OLD")
    if not yes:
        typer.confirm(f"Never again read what master key {key_id} wraps?", abort=True)
    if _with_vault(lambda connection: connection.fetchval(Q.give_up, key_id)) is None:
        raise StackError(f"There is no master key {key_id}", "See `redress keys list`")
    typer.echo(f"master key {key_id} is given up")


@app.command("rotate-events")
def rotate_events_command(
    writer: Annotated[str, typer.Argument(help="Whose key: intake, router, sla or notifier.")],
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only let its readers know the new key; then carry their files over.")
    ] = False,
) -> None:
    """Let a service sign its events by a new key. Its readers learn it first; running services need no restart."""
    from deploy.keys.event_keys import folder_of, rotate
    from shared.runtime.bootstrap import SERVICES

    if writer not in SERVICES:
        raise StackError(f"{writer!r} writes no events", f"Name one of {', '.join(SERVICES)}")
    key = rotate(folder_of(), writer, prepare=prepare)
    if prepare:
        typer.echo(f"the readers of {writer} believe event key {key.key_id}; run this again without --prepare")
    else:
        typer.echo(f"{writer} signs by event key {key.key_id}; events signed by its older keys are believed as well")


@app.command("forget-event-key")
def forget_event_key_command(
    key_id: Annotated[str, typer.Argument(help="Id of the event key, as `redress keys list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Believe an old event key no longer. What it signed and nobody has read yet goes to the dead letters."""
    from deploy.keys.event_keys import folder_of, forget

    if not yes:
        typer.confirm(f"Believe event key {key_id} no longer?", abort=True)
    forget(folder_of(), key_id)
    typer.echo(f"event key {key_id} is forgotten")


@app.command("require-signatures")
def require_signatures_command(
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Believe none of those that lie in the topics already, either.")
    ] = False,
) -> None:
    """After an upgrade from a release that did not sign: believe no event written from now on without a signature.

    Run it when no copy of the old release is left. `make up` does it itself.
    """
    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints
    from deploy.keys.signing import require_signatures

    endpoints = load_endpoints()

    async def run() -> list[str]:
        async with operator_connection(endpoints.dsn) as connection:
            return await require_signatures(connection, endpoints.kafka_access, from_start=from_start)

    changed = asyncio.run(run())
    if changed:
        typer.echo(f"{', '.join(changed)} believe no event without a signature from here on")
    else:
        typer.echo("Signatures were required already; nothing changed")


def _signing() -> dict[str, Any]:
    """Which event keys there are, and whether events must be signed."""
    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints
    from deploy.keys.event_keys import folder_of, read_all
    from deploy.keys.signing import rules_of

    async def run() -> bool:
        async with operator_connection(load_endpoints().dsn) as connection:
            return bool(await rules_of(connection))

    required: bool | None
    keys = read_all(folder_of()) or ()
    told = [{"key_id": k.key_id, "writer": k.writer, "state": "signs" if k.signs else "believed"} for k in keys]
    try:
        required = asyncio.run(run())
    except StackError:
        required = None  # a database without the services' tables: that of the vault alone
    return {"event_keys": told, "signatures_required": required}


def _told_of_unsigned(required: bool | None) -> str:
    if required is None:
        return "Whether events must be signed is not known: the services' tables are not there."
    if required:
        return "Every new event must be signed."
    return "Events without a signature are believed: run `redress keys require-signatures` when the upgrade is done."


def _told(row: dict[str, Any], masters: MasterKeys) -> dict[str, Any]:
    key_id = row["key_id"]
    if key_id == masters.current.key_id:
        state = "current"
    elif row["lost_at"] is not None:
        state = "given up"
    elif key_id is None:
        state = "opened by any"
    else:
        state = "at hand" if key_id in masters.ids else "missing"
    return {"key_id": key_id, "state": state, "persons": row["persons"], "known_since": row["known_since"]}


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{count} wrapped")
        sys.stderr.flush()


def _masters() -> MasterKeys:
    """The master keys of the local stack, or those that the environment names."""
    from deploy.keys.files import master_keys

    return master_keys()


def _with_vault(work: Callable[[Connection], Awaitable[T]]) -> T:
    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints

    dsn = load_endpoints().vault_dsn

    async def run() -> T:
        async with operator_connection(dsn) as connection:
            return await work(connection)

    return asyncio.run(run())
