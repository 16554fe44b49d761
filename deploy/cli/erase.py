"""`redress erase R-… [--yes]`, `redress erase --contact ADDRESS_OR_NUMBER [--yes]`, `redress erase --list`, `--replay FILE`."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.stack.errors import StackError

if TYPE_CHECKING:
    from deploy.database import Connection
    from deploy.endpoints import Endpoints
    from deploy.erasure.find import Person


def command(
    reference: Annotated[str | None, typer.Argument(help="Of any complaint of the person.")] = None,
    contact: Annotated[str | None, typer.Option(help="Their e-mail address or phone number.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is changed.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --contact: all persons who are found.")] = False,
    why: Annotated[str, typer.Option(help="Kept with the erasure; name nobody in it.")] = "the customer asked for it",
    by: Annotated[str | None, typer.Option(help="Who does it; default: your user name.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Print the ids of all who were erased, to be kept.")] = False,
    replay: Annotated[Path | None, typer.Option(help="After a restore: erase again whom such a list names.")] = None,
) -> None:
    """Erase a person: the key, texts, contacts and private links of all their complaints, in every service.

    Without --yes it tells what would go. A legal hold (`redress hold`) keeps a person from being erased: exit 1.
    """
    if sum((reference is not None, contact is not None, list_, replay is not None)) != 1:
        raise StackError("Whom do you mean?", "Give a reference, or --contact with an address or number")
    actor = f"operator:{by or getpass.getuser()}"
    if list_ or replay is not None:
        asyncio.run(_again(replay, actor))
        return
    asyncio.run(_run(reference, contact, yes=yes, every=every, why=why.strip() or "not said", actor=actor))


async def _run(reference: str | None, contact: str | None, *, yes: bool, every: bool, why: str, actor: str) -> None:
    from deploy.endpoints import load_endpoints
    from deploy.erasure.find import by_contact, by_reference
    from deploy.erasure.work import intake_of
    from deploy.recover.vault import open_vault

    endpoints = load_endpoints()
    async with intake_of(endpoints) as connection:
        if reference is not None:
            found = [await by_reference(connection, reference)]
        else:
            async with open_vault(endpoints.vault_dsn) as vault:
                found = await by_contact(connection, vault, contact or "")
            if not found:
                typer.echo("Nobody gave this address or number.")
                return
        for person in found:
            await _show(connection, endpoints, person)
        if len(found) > 1 and not every:
            typer.echo(f"{len(found)} persons gave it: erase each by one of their references, or all with --all.")
        if not yes:
            typer.echo("Nothing was changed. Add --yes to do it.")
            return
        if len(found) > 1 and not every:
            raise StackError("Several persons are meant; nothing was changed", "Name one by reference, or add --all")
        held = [one.reference for person in found for one in person.held]
        if held:
            raise StackError(
                f"Held: {', '.join(held)}; nothing was changed",
                "`redress hold --lift` lifts a hold when its reason is gone",
            )
        for person in found:
            await _erase(connection, endpoints, person, why=why, actor=actor)


async def _show(connection: Connection, endpoints: Endpoints, person: Person) -> None:
    from deploy.erasure.mails import count_mails
    from deploy.erasure.show import lines
    from deploy.erasure.work import counts

    mails = await count_mails(endpoints.mail, person.references)
    for line in lines(person, await counts(connection, person.ids), mails):
        typer.echo(line)


async def _erase(connection: Connection, endpoints: Endpoints, person: Person, *, why: str, actor: str) -> None:
    from deploy.erasure.work import erase

    if all(one.erased_at for one in person.complaints) and person.erased_at is not None:
        again = await _is_under_way(connection, person)
        if not again:
            typer.echo(f"Person {person.person_id} was erased on {person.erased_at:%Y-%m-%d %H:%M} (UTC).")
            return
    for line in await erase(connection, endpoints, person, why=why, by=actor):
        typer.echo(line)
    typer.echo(f"Person {person.person_id} is erased. Router and notifier blank what they hold as they read it.")


async def _is_under_way(connection: Connection, person: Person) -> bool:
    from services.intake.store import erasures

    return await erasures.under_way(connection, person.person_id) is not None


async def _again(replay: Path | None, actor: str) -> None:
    from deploy.endpoints import load_endpoints
    from deploy.erasure.again import erase_again, erased_persons, read_ids
    from deploy.erasure.work import intake_of

    endpoints = load_endpoints()
    persons = read_ids(replay) if replay is not None else []
    async with intake_of(endpoints) as connection:
        if replay is None:
            for person_id in await erased_persons(connection):
                typer.echo(str(person_id))
            return
        count = await erase_again(connection, endpoints, persons, by=actor)
    typer.echo(f"{len(persons)} persons are erased; {count} complaints of theirs were back, and are blank again.")
