"""`redress skip TOPIC PARTITION OFFSET --why …`."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.stack.errors import StackError

if TYPE_CHECKING:
    from deploy.dead_letters.skip import Passed


def command(
    topic: Annotated[str, typer.Argument(help="As the log and /readyz of the waiting reader name it.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0)],
    why: Annotated[str, typer.Option(help="Kept with the dead letter; say what was found.")],
    by: Annotated[str | None, typer.Option(help="Who asks; default: your user name.")] = None,
) -> None:
    """Let readers pass a record that they cannot read or process; it becomes a dead letter.

    Only readers that have not read it are moved, each past this record (or the damaged batch that it is in) and no
    further. Nothing has to be stopped or started.
    """
    from deploy.database import operator_connection
    from deploy.dead_letters.skip import Place, check_place, skip
    from deploy.endpoints import load_endpoints

    if not why.strip():
        raise StackError("--why is empty", "Say in a few words why the record may be passed; it is kept")
    endpoints = load_endpoints()
    place = Place(topic, partition, offset)

    async def run() -> Sequence[Passed]:
        await check_place(endpoints.kafka, place)
        async with operator_connection(endpoints.dsn) as connection:
            return await skip(connection, place, why=why.strip(), by=f"operator:{by or getpass.getuser()}")

    for outcome in asyncio.run(run()):
        typer.echo(f"{outcome.service:<9} {_told(outcome)}")


def _told(outcome: Passed) -> str:
    if outcome.how == "passed":
        return f"has passed {'it' if outcome.letter is None else f'it: dead letter {outcome.letter}'}"
    if outcome.how == "read":
        return "has read it; nothing to skip"
    return "is not there yet or does not run; it passes the record when it gets there"
