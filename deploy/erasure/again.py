"""Erasing persons again whom a restored database brought back."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from deploy.database import Connection
from deploy.endpoints import Endpoints
from deploy.erasure.work import erasing_with
from deploy.stack.errors import StackError
from services.intake.store import Q
from shared.events.ids import new_id


async def erased_persons(connection: Connection) -> list[UUID]:
    """Everybody this database knows to be erased."""
    return [row["person_id"] for row in await connection.fetch(Q.erased_persons)]


async def erase_again(
    connection: Connection, endpoints: Endpoints, persons: Collection[UUID], *, by: str, said: bool = True
) -> int:
    """Erase persons by their ids, whoever of them is here; answers how many complaints that were.

    Args:
        said: say so; else the topics hold what was said then, and the others read it from there.

    Holds do not count: these persons were erased before. Running it again changes nothing.
    """
    erasing = erasing_with(connection, endpoints)
    ids = sorted(set(persons))
    await connection.execute(Q.note_erased, [new_id() for _ in ids], ids, "erased before a restore", by)
    found = [row["complaint_id"] for row in await connection.fetch(Q.unblanked_of, ids)]
    await erasing.shred_everywhere(ids)
    return await erasing.blank_again(found, said=said)


def read_ids(path: Path) -> list[UUID]:
    """The ids of a list, one a line.

    Raises:
        StackError: it cannot be read, or a line is no id.
    """
    try:
        lines = path.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(
            f"{path} cannot be read ({type(error).__name__})", "Give the list that `--list` wrote"
        ) from None
    try:
        return [UUID(line) for line in lines]
    except ValueError:
        raise StackError(f"{path} has a line that is no person's id", "Give the list that `--list` wrote") from None
