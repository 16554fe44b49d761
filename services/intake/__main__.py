"""`python -m services.intake`: serve, migrate, print the OpenAPI document, or manage channel clients."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import asyncpg
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.intake import keys
from services.intake.store import Reads
from shared.runtime.errors import safe_text


class _Place(BaseSettings):
    """Where the clients are kept: all that managing them needs."""

    model_config = SettingsConfigDict(extra="ignore")
    database_url: SecretStr
    default_pack: str = "retail"
    policies_dir: Path = Path("deploy/policies")


def main() -> int:
    """Run one command; answers the exit code."""
    if sys.argv[1:2] == ["client"]:
        return _client(sys.argv[2:])  # without the weight of the service
    from services.intake.app import build
    from services.intake.settings import Settings
    from shared.runtime import entry

    return entry.main("intake", Settings, build, {"client": _client})


def _client(arguments: Sequence[str]) -> int:
    """`client add|list|revoke`."""
    try:
        place = _Place()
    except ValidationError:
        return _refuse("DATABASE_URL is missing: set it to the DSN of intake's role or of the owner")
    asked = _parser(place.default_pack).parse_args(arguments)
    packs = sorted(path.parent.name for path in place.policies_dir.glob("*/departments.yaml"))
    if asked.action == "add" and packs and asked.pack not in packs:
        return _refuse(f"there is no policy pack {asked.pack!r}: use one of {', '.join(packs)}")
    actions: dict[str, Callable[[Reads, argparse.Namespace], Awaitable[None]]] = {
        "add": _add,
        "list": _list,
        "revoke": _revoke,
    }
    try:
        asyncio.run(_with_connection(place.database_url.get_secret_value(), actions[asked.action], asked))
    except keys.BadClient as error:
        return _refuse(str(error))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return _refuse(f"the database refused: {safe_text(error)}")
    return 0


def _parser(default_pack: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.intake client")
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="give a client one more key and print it, once")
    add.add_argument("--client", required=True)
    add.add_argument("--channel", required=True, choices=["web", "phone", "store"])
    add.add_argument("--pack", default=default_pack)
    add.add_argument("--store", help="bind the client to one store")
    add.add_argument("--rate", type=float, help="complaints per second on average; by default INTAKE_KEY_RATE")
    add.add_argument("--key-stdin", action="store_true", help="take the key from standard input; print nothing")
    actions.add_parser("list", help="show the clients")
    revoke = actions.add_parser("revoke", help="revoke all keys of a client, or one")
    revoke.add_argument("--client", required=True)
    revoke.add_argument("--key", help="the only one to revoke, as `list` names it")
    return parser


async def _with_connection(
    dsn: str, action: Callable[[Reads, argparse.Namespace], Awaitable[None]], asked: argparse.Namespace
) -> None:
    connection = await asyncpg.connect(dsn, timeout=10, server_settings={"search_path": "intake"})
    try:
        await action(connection, asked)
    finally:
        await connection.close()


async def _add(db: Reads, asked: argparse.Namespace) -> None:
    given = sys.stdin.readline().strip() if asked.key_stdin else None
    key = await keys.add_key(
        db,
        name=asked.client,
        channel=asked.channel,
        pack=asked.pack,
        store_id=asked.store,
        rate=asked.rate,
        key=given,
    )
    if given is None:
        print(key)


async def _list(db: Reads, asked: argparse.Namespace) -> None:
    for client in await keys.listed(db):
        held = ", ".join(client.live_keys) or ("built in" if client.built_in else "no live key")
        print(f"{client.name}\t{client.channel or 'any'}\t{client.pack}\t{client.store_id or '-'}\t{held}")


async def _revoke(db: Reads, asked: argparse.Namespace) -> None:
    count = await keys.revoke(db, asked.client, begins=asked.key)
    if not count:
        raise keys.BadClient(f"{asked.client} has no {'such' if asked.key else 'live'} key")
    print(f"{count} revoked")


def _refuse(line: str) -> int:
    print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
