"""`redress dead-letters list|show|replay`."""

from __future__ import annotations

import asyncio
import getpass
import json
from typing import Annotated

import typer

from deploy.stack.errors import StackError

_REPLAYED_AT_ONCE = 100_000
app = typer.Typer(
    name="dead-letters",
    help="What could not be processed: list it, look at it, send it again.",
    no_args_is_help=True,
    add_completion=False,
)
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as bad_schema.")]
Service = Annotated[str | None, typer.Option(help="Only of intake, router, sla or notifier.")]
Topic = Annotated[str | None, typer.Option(help="Only from this topic.")]


@app.command("list")
def list_command(
    service: Service = None,
    reason: Reason = None,
    topic: Topic = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those not replayed yet.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List dead letters, newest first."""
    from deploy.console import operator_console
    from deploy.database import operator_connection
    from deploy.dead_letters.show import table_of
    from deploy.dead_letters.store import Filter, list_letters
    from deploy.endpoints import load_endpoints

    async def read() -> tuple[list[dict[str, object]], int]:
        async with operator_connection(load_endpoints().dsn) as connection:
            wanted = Filter(service=service, reason=reason, topic=topic, waiting=waiting, limit=limit)
            found, total = await list_letters(connection, wanted)
            return [dict(row) for row in found], total

    rows, total = asyncio.run(read())
    if total > len(rows):
        typer.echo(f"The newest {len(rows)} of {total} dead letters; --limit {total} shows all", err=True)
    if as_json:
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False))
    else:
        operator_console().print(table_of(rows))


@app.command("show")
def show_command(
    letter: Annotated[str, typer.Argument(help="As `list` shows it, like router/12.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show one dead letter: why, from where, its trace, headers and bytes."""
    from deploy.console import operator_console
    from deploy.database import operator_connection
    from deploy.dead_letters.show import letter_as_json, page_of
    from deploy.dead_letters.store import Address, Letter, read_letter
    from deploy.endpoints import load_endpoints

    endpoints = load_endpoints()

    async def read() -> Letter:
        async with operator_connection(endpoints.dsn) as connection:
            return await read_letter(connection, Address.read(letter))

    found = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps(letter_as_json(found), ensure_ascii=False))
    else:
        operator_console().print(page_of(found, endpoints))


@app.command("replay")
def replay_command(
    letters: Annotated[list[str] | None, typer.Argument(help="Which, like router/12 sla/3.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that the filters leave and were not replayed.")
    ] = False,
    service: Service = None,
    reason: Reason = None,
    topic: Topic = None,
    again: Annotated[bool, typer.Option("--again", help="Also those replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    by: Annotated[str | None, typer.Option(help="Who asks; default: your user name.")] = None,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign what is forged or unsigned: you have looked at it and answer for it.")
    ] = False,
) -> None:
    """Send dead letters again: same bytes, key, headers and event id, to the topic they came from."""
    from deploy.database import operator_connection
    from deploy.dead_letters.replay import Replayed, replay
    from deploy.dead_letters.store import Address, Filter, list_letters
    from deploy.endpoints import load_endpoints
    from deploy.keys.signing import operators_signatures

    chosen = any((everything, service, reason, topic))
    if bool(letters) == chosen:
        raise StackError("Say which dead letters to replay", "Name them, or give --all or a filter, not both")
    endpoints = load_endpoints()

    async def run() -> list[Replayed]:
        async with operator_connection(endpoints.dsn) as connection:
            addresses = [Address.read(text) for text in letters or ()]
            if not addresses:
                wanted = Filter(service=service, reason=reason, topic=topic, waiting=not again, limit=_REPLAYED_AT_ONCE)
                found, total = await list_letters(connection, wanted)
                addresses = [Address.read(str(row["address"])) for row in found][::-1]
                if total > len(found):
                    typer.echo(f"The newest {len(found)} of {total}; send the command again for the others", err=True)
            who = by or getpass.getuser()
            signatures = await operators_signatures(connection)
            if sign and signatures is None:
                raise StackError("There are no event keys to sign with", "Name their folder in EVENT_KEYS_DIR")
            return await replay(
                connection,
                endpoints.kafka_access,
                addresses,
                by=who,
                dry_run=dry_run,
                again=again,
                signatures=signatures,
                sign=sign,
            )

    outcomes = asyncio.run(run())
    for outcome in outcomes:
        name = f"{outcome.letter.address}  {outcome.letter.event_type or '–'}  {outcome.letter.reason}"
        typer.echo(f"{name}  {'sent to ' + outcome.letter.topic if outcome.sent else outcome.why_not}")
    typer.echo(f"{sum(outcome.sent for outcome in outcomes)} of {len(outcomes)} sent")
