"""`redress export-person R-… --out FOLDER`."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.stack.errors import StackError


def command(
    reference: Annotated[str, typer.Argument(help="Of any complaint of the person.")],
    out: Annotated[Path, typer.Option(help="Folder for the two files; made when missing, readable by you alone.")],
) -> None:
    """Write everything that is held of a person, as JSON and PDF, to be handed to them.

    Read it before: notes of staff are in it, and may speak of other people.
    """
    from deploy.stack.settings import load_settings
    from services.intake.handlers.person_file import as_pdf, with_stores
    from shared.policies.packs import load_sound

    packs = load_sound(load_settings().policies_dir, {}).packs  # without a pack that is refused: its shops go unnamed
    document = with_stores(asyncio.run(_gather(reference, f"operator:{getpass.getuser()}")), packs)
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    name = f"person-{document['person_id']}"
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path, content in ((out / f"{name}.json", text.encode()), (out / f"{name}.pdf", as_pdf(document))):
            _write(path, content)
            typer.echo(str(path))
    except OSError as error:
        raise StackError(f"{error.filename} cannot be written: {error.strerror}", "Choose another --out") from None


async def _gather(reference: str, actor: str) -> dict[str, Any]:
    from deploy.endpoints import load_endpoints
    from deploy.erasure.find import by_reference
    from deploy.erasure.work import intake_of
    from deploy.person_data import gather
    from deploy.recover.vault import open_vault
    from shared.runtime.security_log import Kind, line_of, write_now

    endpoints = load_endpoints()
    async with intake_of(endpoints) as connection, open_vault(endpoints.vault_dsn) as vault:
        person = await by_reference(connection, reference)
        if person.erased_at is not None:
            raise StackError(
                f"The person of {reference} was erased on {person.erased_at:%Y-%m-%d} (UTC)",
                "There is nothing to export",
            )
        document = await gather(connection, vault, person)
        for one in person.complaints:
            line = line_of(Kind.PERSON_EXPORTED, actor, pack=one.pack, reference=one.reference)
            await write_now(connection, line)
        return document


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
