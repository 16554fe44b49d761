"""`redress security-log`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.stack.errors import StackError

_READ = "SELECT * FROM security.read($1, $2, $3, $4, NULL, $5)"


def command(
    user: Annotated[str | None, typer.Option(help="Only what this user did; `unknown` for names nobody has.")] = None,
    reference: Annotated[str | None, typer.Option(help="Only what was done about this complaint.")] = None,
    pack: Annotated[str | None, typer.Option(help="Only what staff of this pack did.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-30, 2026-11-30T09:00+08:00, or 2h, 7d ago.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="So many lines at most, the newest.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
) -> None:
    """Show who signed in or failed to, saw a case, looked somebody up, exported, was refused, and changed staff or keys.

    Lines are never changed or removed; `redress audit` proves it (I24).
    """
    from deploy.database import operator_connection
    from deploy.endpoints import load_endpoints

    asked = (pack, user, _canonical(reference), _moment(since), most)

    async def run() -> list[dict[str, Any]]:
        async with operator_connection(load_endpoints().dsn) as connection:
            return [dict(row) for row in await connection.fetch(_READ, *asked)]

    found = asyncio.run(run())
    if as_json:
        for line in found:
            typer.echo(json.dumps(line, default=_in_json, ensure_ascii=False))
        return
    if not found:
        typer.echo("No lines.")
        return
    _show(found)


def _show(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("when", "who", "as", "did", "complaint", "from", "more")
    for line in found:
        more = " ".join(f"{name}={value}" for name, value in line["detail"].items() if value not in (None, ""))
        when = line["at"].astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
        table.add_row(
            when, line["actor"], line["role"] or "", line["kind"], line["reference"] or "", line["address"] or "", more
        )
    Console().print(table)


def _in_json(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _canonical(reference: str | None) -> str | None:
    from shared.events.reference import BadReference, parse_reference

    try:
        return parse_reference(reference) if reference is not None else None
    except BadReference:
        raise StackError(f"{reference!r} is no reference", "It looks like R-4K7M-2XA9") from None


def _moment(since: str | None) -> datetime | None:
    if since is None:
        return None
    if since[:-1].isdigit() and since[-1] in "mhd" and len(since) < 7:
        length = {"m": "minutes", "h": "hours", "d": "days"}[since[-1]]
        return datetime.now(UTC) - timedelta(**{length: int(since[:-1])})
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise StackError(
            f"{since!r} is no moment", "Give a day, an instant with its zone, or such as 2h or 7d"
        ) from None
    return moment.astimezone()
