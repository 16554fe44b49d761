"""What `python -m services.NAME` does: serve, migrate, print the OpenAPI document, and what the service adds."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import asyncpg
import uvloop
from pydantic import ValidationError

from shared.policies.errors import PolicyError
from shared.policies.errors import Problem as PolicyProblem
from shared.runtime import logs
from shared.runtime.errors import safe_text
from shared.runtime.event_keys import KeysUnusable
from shared.runtime.kept_policies import fetch
from shared.runtime.migrate import migrate
from shared.runtime.service import Reached, Service, nothing_reached
from shared.runtime.settings import CommonSettings
from shared.runtime.vault_opening import CONFIGURATION

SettingsT = TypeVar("SettingsT", bound=CommonSettings)
Command = Callable[[Sequence[str]], int]


def main(
    name: str,
    settings: type[SettingsT],
    build: Callable[[SettingsT, Reached], Service],
    commands: Mapping[str, Command] | None = None,
    *,
    arguments: Sequence[str] | None = None,
    reached: Reached = nothing_reached,
) -> int:
    """Run one command of a service; answers the exit code (2: wrong use, 78: wrong configuration)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = dict(commands or {})
    parser = argparse.ArgumentParser(prog=f"python -m services.{name}")
    parser.add_argument("command", nargs="?", default="serve", choices=["serve", "migrate", "openapi", *own])
    parser.add_argument("--phase", choices=["pre", "post", "all"], default="all", help="which migrations (migrate)")
    if given and given[0] in own:
        return own[given[0]](given[1:])
    chosen = parser.parse_args(given)
    if chosen.command == "migrate":
        return _migrate(name, chosen.phase)
    try:
        parts = settings()
    except ValidationError as error:
        return _refuse(_settings_problem(error))
    logs.configure(name, parts.log_level)
    try:
        return uvloop.run(_serve_or_print(name, chosen.command, parts, build, reached))
    except KeysUnusable as error:
        return _refuse(f"{name}: EVENT_KEYS_FILE {parts.event_keys_file} {error}")
    except PolicyError as error:
        return _refuse(str(error))


async def _serve_or_print(
    name: str, command: str, parts: SettingsT, build: Callable[[SettingsT, Reached], Service], reached: Reached
) -> int:
    service = build(parts, reached) if command == "openapi" else await _build(name, parts, build, reached)
    if command == "openapi":
        print(json.dumps(service.app.openapi(), ensure_ascii=False, indent=2, sort_keys=True))
        return 0
    code = await service.run()
    return _refuse(f"{service.name}: {service.problem}") if code == CONFIGURATION else code


async def _build(
    name: str, parts: SettingsT, build: Callable[[SettingsT, Reached], Service], reached: Reached
) -> Service:
    """The service; where policy files are refused, or leave out who owns cases, with the last good ones, which its
    database keeps.

    Raises:
        PolicyError: the default pack is refused, and there has never been a good one.
    """
    refused: PolicyError | None
    try:
        service = build(parts, reached)
        refused = service.policies.error
    except PolicyError as error:
        refused = error
    try:
        kept, owning = await fetch(parts.database_url.get_secret_value(), name)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        if refused is None:
            return service
        mend = f"mend the files, or bring the database back, which keeps the last good ones ({safe_text(error)})"
        raise PolicyError([*refused.problems, PolicyProblem("database", 1, "does not answer", mend)]) from None
    if refused is None and owning.keys() <= {one.id for one in service.policies.packs.departments}:
        return service
    service = build(parts.with_kept_policies(kept, owning), reached)
    if parts.default_pack not in service.policies.packs.by_name:
        raise refused or PolicyError([PolicyProblem(parts.default_pack, 1, "is no pack", "name one in DEFAULT_PACK")])
    return service


def _migrate(name: str, phase: str) -> int:
    from pydantic_settings import BaseSettings, SettingsConfigDict

    class Migration(BaseSettings):
        model_config = SettingsConfigDict(extra="ignore")
        database_url: str

    try:
        applied = asyncio.run(
            migrate(Migration().database_url, name, ("shared.runtime", f"services.{name}"), phase)  # type: ignore[arg-type]
        )
    except ValidationError:
        return _refuse("DATABASE_URL is missing: set it to the DSN of the database's owner")
    except Exception as error:
        return _refuse(f"migration of {name} failed: {safe_text(error)}")
    print(f"{name}: {len(applied)} migrations applied" if applied else f"{name}: nothing to migrate")
    return 0


def _settings_problem(error: ValidationError) -> str:
    told = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        setting = ".".join(map(str, problem["loc"])).upper() or "settings"
        told.append(f"{setting}: {problem['msg']}")
    return "; ".join(told)


def _refuse(line: str) -> int:
    print(line, file=sys.stderr)
    return CONFIGURATION
