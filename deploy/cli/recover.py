"""`redress recover`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from deploy.stack.errors import StackError

if TYPE_CHECKING:
    from deploy.endpoints import Endpoints


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    since: Annotated[
        datetime | None, typer.Option(help="Compare topics with the database from this moment on (UTC).")
    ] = None,
) -> None:
    """Mend what a lost log, a deleted topic or a restored database left behind; exit 1 when something needs you.

    Running it again does nothing more. After a restore of Postgres the services must be stopped.
    """
    from datetime import UTC

    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints
    from deploy.keys.signing import operators_signatures
    from deploy.recover.look import look
    from deploy.recover.mend import Plan, lines, mend
    from deploy.recover.refile import Opener
    from deploy.recover.vault import open_vault

    endpoints = load_endpoints()
    moment = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since

    async def run() -> int:
        async with operator_connection(endpoints.dsn) as connection, open_vault(endpoints.vault_dsn) as vault:
            signatures = await operators_signatures(connection)
            found = await look(connection, endpoints.kafka_access, moment, signatures)
            opener = await Opener.of(vault, [one.event for one in Plan.of(found.unknown).intake])
            told = lines(found, opener)
            for line in told:
                typer.echo(line)
            if not told:
                typer.echo("Topics and database fit together.")
            if dry_run:
                return 0
            erased = Plan.of(found.unknown).erased
            # Before, so that nothing of theirs is filed again in clear; and after, what was filed again.
            await _erase_again(endpoints, erased)
            await mend(connection, endpoints.kafka_access, found, vault)
            await _erase_again(endpoints, erased)
            return 1 if found.unclear else 0

    try:
        code = asyncio.run(run())
    except ExceptionGroup as errors:
        raise StackError("Recovery failed", str(errors.exceptions[0])) from errors
    if code:
        raise typer.Exit(code)


async def _erase_again(endpoints: Endpoints, persons: Sequence[UUID]) -> None:
    from deploy.erasure.again import erase_again
    from deploy.erasure.work import intake_of

    if persons:
        async with intake_of(endpoints) as connection:
            await erase_again(connection, endpoints, persons, by="operator:recover", said=False)
