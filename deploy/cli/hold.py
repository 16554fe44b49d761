"""`redress hold R-… --why …`, `redress hold R-… --lift`, `redress hold`."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated

import typer

from deploy.stack.errors import StackError


def command(
    reference: Annotated[str | None, typer.Argument(help="Of the complaint; without it all holds are listed.")] = None,
    why: Annotated[str, typer.Option(help="The reason, such as a law suit; shown to whoever wants to erase.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Take the hold away.")] = False,
    by: Annotated[str | None, typer.Option(help="Who does it; default: your user name.")] = None,
) -> None:
    """Keep the person of a complaint from being erased (legal hold), or take that back."""
    if reference is None:
        asyncio.run(_list())
        return
    if lift == bool(why.strip()):
        raise StackError("Set or lift?", "Give --why REASON to set a hold, or --lift to take it away")
    actor = f"operator:{by or getpass.getuser()}"
    typer.echo(asyncio.run(_change(reference, why=why.strip(), lift=lift, actor=actor)))


async def _change(told: str, *, why: str, lift: bool, actor: str) -> str:
    from deploy.endpoints import load_endpoints
    from deploy.erasure.find import by_reference
    from deploy.erasure.work import intake_of
    from services.intake.store import erasures
    from shared.events.reference import parse_reference
    from shared.runtime.security_log import Kind, line_of, write_now

    async with intake_of(load_endpoints()) as connection:
        await by_reference(connection, told)
        reference = parse_reference(told)
        line = line_of(Kind.HOLD_LIFTED if lift else Kind.HELD, actor, reference=reference)
        if lift:
            if not await erasures.lift_hold(connection, reference):
                raise StackError(f"{reference} is not held", "`redress hold` lists all holds")
            await write_now(connection, line)
            return f"{reference} is not held any more."
        if not await erasures.hold(connection, reference, why=why, by=actor):
            raise StackError(f"The person of {reference} is erased already", "There is nothing left to hold")
        await write_now(connection, line)
        return f"{reference} is held: its person cannot be erased."


async def _list() -> None:
    from deploy.endpoints import load_endpoints
    from deploy.erasure.work import intake_of
    from services.intake.store import Q

    async with intake_of(load_endpoints()) as connection:
        rows = await connection.fetch(Q.holds)
    for row in rows:
        typer.echo(f"{row['reference']}  {row['pack']}  {row['since']:%Y-%m-%d} (UTC)  {row['set_by']}: {row['why']}")
    if not rows:
        typer.echo("Nobody is held.")
