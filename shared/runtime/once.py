"""Commands that act once (ADR 18): the same key from the same sender with the same meaning gets the answer that was given.

A command claims its key as the first thing in its transaction and keeps its answer as the last, so that both are committed
with what it did, or not at all: a refused command leaves nothing, and its key is free. Whoever sends the same command while
it is being carried out waits for it a moment, and hears 409 when that is not enough.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
from pydantic import BaseModel, TypeAdapter

from shared.runtime.transaction import Tx
from shared.runtime.web.problems import Problem

HEADER: Final = "Idempotency-Key"
REPLAYED: Final[Mapping[str, str]] = {"Idempotent-Replayed": "true"}
"""Marks an answer that was given before, as intake marks its own."""

_WAIT_MS: Final = 1_500
_JSON: Final = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Asked:
    """A command with its key.

    Attributes:
        who: the sender the key is scoped to, such as `staff:li.delivery`.
        key: made by the sender, or by the page that holds the form.
        digest: SHA-256 of what is asked, and of what; `digest_of`.
    """

    who: str
    key: UUID
    digest: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """The answer that was given to a command: HTTP status and body. How the body is kept is its service's matter."""

    status: int
    body: str


def digest_of(target: str, said: BaseModel | Mapping[str, Any]) -> bytes:
    """SHA-256 of a command by its meaning: validated content, defaults left out, whatever its spelling was.

    Args:
        target: what it is about and what is to be done, such as `R-4K7M-2XA9/progress`.
        said: the validated body; a mapping in a fixed order of its own.
    """
    if isinstance(said, BaseModel):
        text = said.__pydantic_serializer__.to_json(said, exclude_defaults=True)
    else:
        text = _JSON.dump_json(dict(said))
    return hashlib.sha256(target.encode() + b"\0" + text).digest()


def key_of(header: str | None) -> UUID | None:
    """The key in the header `Idempotency-Key`: a UUID, with or without quotes (RFC 8941); None when there is no header.

    Raises:
        Problem: 400 when it is no UUID, or the nil UUID.
    """
    if header is None:
        return None
    found = form_key(header.strip().strip('"'))
    if found is None:
        raise Problem(400, "idempotency-key-missing")
    return found


def form_key(text: str) -> UUID | None:
    """The key of a form; None for a page of an earlier release, which has none, and for what is no UUID."""
    try:
        found = UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
    return found if found is not None and found.int else None


def new_key() -> str:
    """A key for a form that is about to be shown."""
    return str(uuid.uuid4())


async def begin(tx: Tx, asked: Asked) -> Given | None:
    """Claim the key, before anything is looked at; None: carry the command out, and `finish` it.

    Returns:
        The answer that was given under this key to the same command.

    Raises:
        Problem: 422 when the key was used for another command, 409 when the same is being carried out right now.
    """
    await tx.fetchval("SELECT set_config('lock_timeout', $1, true)", str(_WAIT_MS))
    try:
        claimed = await tx.fetchval(
            "INSERT INTO command_key (who, key, digest, asked_at) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING RETURNING key",
            asked.who,
            asked.key,
            asked.digest,
            tx.now,
        )
    except asyncpg.LockNotAvailableError:
        raise Problem(409, "in-progress", headers={"Retry-After": "1"}) from None
    if claimed is not None:
        await tx.execute("SELECT set_config('lock_timeout', '0', true)")
        return None
    row = await tx.fetchrow(
        "SELECT digest, status, answer FROM command_key WHERE who = $1 AND key = $2", asked.who, asked.key
    )
    if row is None:  # forgotten between the two statements
        raise Problem(409, "in-progress", headers={"Retry-After": "1"})
    if row["digest"] != asked.digest:
        raise Problem(422, "idempotency-key-reused")
    return Given(row["status"], row["answer"])


async def finish(tx: Tx, asked: Asked, given: Given) -> None:
    """Keep the answer to a command that `begin` let through."""
    await tx.execute(
        "UPDATE command_key SET status = $3, answer = $4 WHERE who = $1 AND key = $2",
        asked.who,
        asked.key,
        given.status,
        given.body,
    )


async def release(tx: Tx, asked: Asked) -> None:
    """Give the key back: the command was refused without an error, so it may be sent again with another end."""
    await tx.execute("DELETE FROM command_key WHERE who = $1 AND key = $2", asked.who, asked.key)
