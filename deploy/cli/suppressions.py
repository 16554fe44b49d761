"""`redress suppressions list|lift ADDRESS`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from deploy.stack.errors import StackError

app = typer.Typer(
    name="suppressions",
    help="Mailboxes that are not written to, because a mail server said that they do not exist.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List the mailboxes that are not written to, until when, and whose complaints they belong to.

    Addresses are kept nowhere in clear, so the complaints stand for them.
    """
    from rich.console import Console
    from rich.table import Table

    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints
    from deploy.suppressions import Suppressed, listed

    async def run() -> list[Suppressed]:
        async with operator_connection(load_endpoints().dsn) as connection:
            return await listed(connection)

    found = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps({"suppressions": [one._asdict() for one in found]}, default=str))
        return
    if not found:
        typer.echo("No mailbox is suppressed.")
        return
    table = Table("since", "until", "why", "complaints", "of them")
    for one in found:
        since, until = (moment.astimezone().strftime("%Y-%m-%d %H:%M %Z") for moment in (one.since, one.until))
        table.add_row(since, until, one.reason, str(one.complaints), ", ".join(one.newest) or "–")
    Console().print(table)
    typer.echo("`redress suppressions lift ADDRESS` writes to one again.")


@app.command("lift")
def lift_command(
    address: Annotated[str, typer.Argument(help="The e-mail address, as the customer spells it.")],
) -> None:
    """Write to a mailbox again from now on. What was not sent meanwhile is not sent after all: the desk says whom to ring."""
    from pydantic_core import PydanticCustomError

    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints
    from deploy.recover.vault import open_vault
    from deploy.suppressions import lift
    from services.intake.domain.contact import lookup_email, normalise_email

    try:
        mailbox = lookup_email(normalise_email(address))
    except PydanticCustomError:
        raise StackError(
            f"{address!r} is no e-mail address", "Give the whole address, such as li@example.com"
        ) from None
    endpoints = load_endpoints()

    async def run() -> bool:
        async with open_vault(endpoints.vault_dsn) as vault, operator_connection(endpoints.dsn) as connection:
            if vault is None:
                raise StackError(
                    "There is no master key here, and mailboxes are kept as hashes that need it",
                    "Name its file in MASTER_KEY_FILE",
                )
            return await lift(connection, vault.contact_hash("email", mailbox))

    lifted = asyncio.run(run())
    typer.echo(
        "It is written to again from now on." if lifted else "This mailbox is not suppressed; nothing was changed."
    )
