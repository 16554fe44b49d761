"""`python -m services.router [serve|migrate|openapi|staff]`.

`staff add --user U --role R --department D [--name N] --password-stdin` adds or renews one member of staff,
`staff load` reads `[{"user","role","department","name"?,"password"}]` from stdin, `staff remove --user U`, `staff list`.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.router.app import build
from services.router.domain.rights import Role
from services.router.settings import Settings
from services.router.store.staff import Staff
from shared.policies.errors import PolicyError
from shared.policies.packs import load_packs
from shared.runtime.directory import Member
from shared.runtime.entry import main
from shared.runtime.errors import safe_text
from shared.runtime.pg import Database

_WRONG_USE, _WRONG_SETTINGS = 2, 78


class MemberEntry(BaseModel):
    """A member of staff as the operator gives them."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    user: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{1,47}$")]
    role: Role
    department: str
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)] = ""
    password: Annotated[str, StringConstraints(min_length=8, max_length=200)] = Field(repr=False)


class _Where(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore")
    database_url: str = Field(repr=False)
    policies_dir: Path = Path("deploy/policies")


def staff(arguments: Sequence[str]) -> int:
    """The command `staff`; prints nothing secret. Answers the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        where = _Where()
        packs = load_packs(where.policies_dir)
        known = {department.id: packs.pack_of(department.id).name for department in packs.departments}
        entries = _entries(chosen)
    except ValidationError as error:
        return _refuse(told_of(error), _WRONG_USE)
    except (PolicyError, ValueError) as error:
        return _refuse(str(error), _WRONG_SETTINGS if isinstance(error, PolicyError) else _WRONG_USE)
    for entry in entries:
        if entry.department not in known:
            return _refuse(f"{entry.user}: no department {entry.department!r} in the policies", _WRONG_USE)
    try:
        return asyncio.run(_carry_out(chosen, where, entries, known))
    except Exception as error:
        return _refuse(f"staff directory: {safe_text(error)}", 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.router staff")
    actions = parser.add_subparsers(dest="verb", required=True)
    add = actions.add_parser("add", help="add or renew one member of staff")
    add.add_argument("--user", required=True)
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--department", required=True)
    add.add_argument("--name", default="")
    add.add_argument("--password-stdin", action="store_true", required=True, help="the password is read from stdin")
    actions.add_parser("load", help="add or renew many, as JSON from stdin")
    remove = actions.add_parser("remove", help="let nobody sign in as this user any more")
    remove.add_argument("--user", required=True)
    actions.add_parser("list", help="who may sign in")
    return parser


def _entries(chosen: argparse.Namespace) -> list[MemberEntry]:
    if chosen.verb == "add":
        values: dict[str, Any] = {name: getattr(chosen, name) for name in ("user", "role", "department", "name")}
        return [MemberEntry(**values, password=sys.stdin.readline().rstrip("\r\n"))]
    if chosen.verb == "load":
        return TypeAdapter(list[MemberEntry]).validate_json(sys.stdin.read())
    return []


async def _carry_out(
    chosen: argparse.Namespace, where: _Where, entries: Sequence[MemberEntry], packs: Mapping[str, str]
) -> int:
    database = Database(where.database_url, name="redress-router-staff", size=2)
    try:
        directory = Staff(database)
        if chosen.verb == "list":
            for one in await directory.everybody():
                print(f"{one.user}\t{one.role}\t{one.department}\t{one.name}\t{'active' if one.active else 'ended'}")
        elif chosen.verb == "remove":
            if not await directory.disable(chosen.user):
                return _refuse(f"{chosen.user}: no such user", 1)
            print(f"{chosen.user}: ended")
        else:
            members = [
                (
                    Member(
                        user=e.user,
                        name=e.name or e.user,
                        role=e.role.value,
                        department=e.department,
                        pack=packs[e.department],
                    ),
                    e.password,
                )
                for e in entries
            ]
            await directory.save(members)
            print(f"{len(members)} members of staff saved")
        return 0
    finally:
        await database.close()


def told_of(error: ValidationError) -> str:
    """What is wrong with an entry, without what was given."""
    told = (
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return "; ".join(told)


def _refuse(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main("router", Settings, build, {"staff": staff}))
