"""`redress channels key|list|revoke`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import typer

from deploy.stack.errors import StackError

if TYPE_CHECKING:
    from services.intake.store import Reads

T = TypeVar("T")

app = typer.Typer(
    name="channels",
    help="The clients that file complaints by machine, and their keys.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Client = Annotated[str, typer.Option(help="Name of the client, such as till-shanghai-7.")]


@app.command("key")
def key_command(
    client: Client,
    channel: Annotated[str, typer.Option(help="What it files for: web, phone or store.")],
    pack: Annotated[str, typer.Option(help="Policy pack its complaints belong to.")] = "retail",
    store: Annotated[str | None, typer.Option(help="Bind it to one store.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Complaints per second it may send on average; default: INTAKE_KEY_RATE.")
    ] = None,
) -> None:
    """Make a key and print it. It is shown this once; only its hash is kept.

    A client may have several keys, so that a new one can be rolled out before the old one is revoked.
    """
    from deploy.packs import check_pack
    from services.intake import keys

    if channel not in ("web", "phone", "store"):
        raise StackError(f"There is no channel {channel!r}", "Use web, phone or store")
    if rate is not None and rate <= 0:
        raise StackError("A rate is more than 0 complaints per second", "Leave --rate out for INTAKE_KEY_RATE")
    check_pack(pack)
    wanted = cast(Literal["web", "phone", "store"], channel)
    made = _with_database(
        lambda db: _logged(
            keys.add_key(db, name=client, channel=wanted, pack=pack, store_id=store, rate=rate), db, "key_made", client
        ),
        remedy="Choose another name, or give the client's own channel, pack and store",
    )
    typer.echo(made)


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List the clients. Live keys are named by the first eight hex digits of their hash."""
    from rich.console import Console
    from rich.table import Table

    from services.intake import keys

    found = _with_database(keys.listed, remedy="Start the stack with `make up`")
    if as_json:
        typer.echo(json.dumps({"clients": [asdict(one) for one in found]}, default=str, ensure_ascii=False))
        return
    table = Table("client", "channel", "pack", "store", "rate/s", "live keys")
    for one in found:
        held = "our own pages" if one.built_in else " ".join(one.live_keys) or "none"
        table.add_row(one.name, one.channel or "any", one.pack, one.store_id or "-", _rate(one.rate), held)
    Console().print(table)


@app.command("revoke")
def revoke_command(
    client: Client,
    key: Annotated[
        str | None, typer.Option(help="Only the key whose hash begins so, as `redress channels list` names it.")
    ] = None,
) -> None:
    """Revoke all keys of a client, or one; it is refused within seconds. What it filed stays."""
    from services.intake import keys

    count = _with_database(
        lambda db: _logged(keys.revoke(db, client, begins=key), db, "key_revoked", client),
        remedy="See `redress channels list`",
    )
    if not count:
        raise StackError(f"{client} has no {'such' if key else 'live'} key", "See `redress channels list`")
    typer.echo(f"{count} revoked")


async def _logged(work: Awaitable[T], db: Any, kind: str, client: str) -> T:
    from shared.runtime.security_log import Kind, line_of, write_now

    done = await work
    if done:
        await write_now(db, line_of(Kind(kind), "operator", client=client))
    return done


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:g}"


def _with_database(work: Callable[[Reads], Awaitable[T]], remedy: str) -> T:
    """Run something on intake's schema of the running stack.

    Raises:
        StackError: no stack, no database, or what was asked is refused.
    """
    import asyncpg

    from deploy.endpoints import load_endpoints
    from services.intake.keys import BadClient

    dsn = load_endpoints().dsn

    async def run() -> T:
        connection: Any = await asyncpg.connect(dsn, timeout=10, server_settings={"search_path": "intake"})
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(run())
    except BadClient as error:
        raise StackError(str(error), remedy) from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StackError(f"The database refused ({type(error).__name__})", "See `redress status`") from None
