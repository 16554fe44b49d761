"""`redress staff list|add|disable|reset`."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from deploy.stack.errors import StackError

if TYPE_CHECKING:
    from services.router.store.staff import Staff
    from shared.runtime.security_log import Kind

T = TypeVar("T")

app = typer.Typer(
    name="staff",
    help="Who may sign in, as what. What changes here is in force in every service within about a second.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
User = Annotated[str, typer.Argument(help="The name to sign in with: lower case letters, digits, `.`, `_`, `-`.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Take the password from standard input; print none.")]


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List everybody, those who may not sign in any more too. No passwords."""
    from rich.console import Console
    from rich.table import Table

    found = _with_directory(lambda staff: staff.everybody())
    if as_json:
        typer.echo(json.dumps({"staff": [asdict(one) for one in found]}, ensure_ascii=False))
        return
    table = Table("user", "name", "role", "department", "pack", "may sign in")
    for one in found:
        table.add_row(one.user, one.name, one.role, one.department, one.pack or "-", "yes" if one.active else "no")
    Console().print(table)


@app.command("add")
def add_command(
    user: User,
    role: Annotated[str, typer.Option(help="handler, lead, agent, office or operator.")],
    department: Annotated[str, typer.Option(help="Their department, as in departments.yaml.")],
    name: Annotated[str, typer.Option(help="As colleagues read it; default: the user name.")] = "",
    password_stdin: FromInput = False,
    renew: Annotated[
        bool, typer.Option(help="Give somebody who is there another role, department and password.")
    ] = False,
) -> None:
    """Let somebody sign in, and print their password. It is shown this once; they change it at /account."""
    from pydantic import ValidationError

    from services.router.__main__ import MemberEntry, told_of
    from shared.runtime.directory import Member
    from shared.runtime.security_log import Kind

    pack, password = _pack_of(department), _password(password_stdin)
    try:
        entry = MemberEntry(user=user, role=role, department=department, name=name, password=password)
    except ValidationError as error:
        raise StackError(told_of(error), "See `redress staff add --help`") from None
    member = Member(user=user, name=entry.name or user, role=entry.role.value, department=department, pack=pack)

    async def save(staff: Staff) -> None:
        if not renew and any(one.user == user and one.active for one in await staff.everybody()):
            raise StackError(f"{user} is there already", "Use `redress staff reset`, or --renew")
        await staff.save([(member, password)])

    _with_directory(save, Kind.STAFF_SAVED, user, pack=pack, role_given=role, department=department)
    typer.echo(f"{user} may sign in." if password_stdin else password)


@app.command("disable")
def disable_command(user: User) -> None:
    """Let somebody sign in no more, and end their sessions everywhere. What they did stays under their name."""
    from shared.runtime.security_log import Kind

    async def disable(staff: Staff) -> None:
        if not await staff.disable(user):
            raise _nobody(user)

    _with_directory(disable, Kind.STAFF_DISABLED, user)
    typer.echo(f"{user} may not sign in any more; their sessions have ended.")


@app.command("reset")
def reset_command(user: User, password_stdin: FromInput = False) -> None:
    """Give somebody another password and print it, this once; their sessions end everywhere."""
    from shared.runtime.security_log import Kind

    password = _password(password_stdin)

    async def reset(staff: Staff) -> None:
        if await staff.set_password(user, password) is None:
            raise _nobody(user)

    _with_directory(reset, Kind.STAFF_RESET, user)
    typer.echo(f"{user} has another password." if password_stdin else password)


def _nobody(user: str) -> StackError:
    return StackError(f"Nobody may sign in as {user!r}", "See `redress staff list`")


def _password(from_input: bool) -> str:
    if not from_input:
        return secrets.token_urlsafe(15)
    password = sys.stdin.readline().rstrip("\r\n")
    if not 8 <= len(password) <= 200:
        raise StackError("A password has 8 to 200 characters", "Give another one")
    return password


def _pack_of(department: str) -> str:
    from deploy.stack.settings import load_settings
    from shared.policies.packs import load_packs

    packs = load_packs(load_settings().policies_dir)
    known = sorted(one.id for one in packs.departments)
    if department not in known:
        raise StackError(f"There is no department {department!r}", f"Use one of: {', '.join(known)}")
    return packs.pack_of(department).name


def _with_directory(
    work: Callable[[Staff], Awaitable[T]], kind: Kind | None = None, user: str = "", **detail: str | None
) -> T:
    """Do something with the directory of the running stack, and write it into the security log.

    Raises:
        StackError: no stack, no database, or what was asked is refused.
    """
    import asyncpg

    from deploy.endpoints import load_endpoints
    from deploy.stack.setup import as_schema
    from services.router.store.staff import Staff
    from shared.runtime.pg import Database
    from shared.runtime.security_log import WRITE, line_of

    async def run() -> T:
        database = Database(as_schema(load_endpoints().dsn, "router"), name="redress-staff", size=1)
        try:
            done = await work(Staff(database))
            if kind is not None:
                await database.execute(WRITE, [line_of(kind, "operator", user=user, **detail)])
            return done
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StackError(f"The database refused ({type(error).__name__})", "See `redress status`") from None
