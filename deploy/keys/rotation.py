"""Wraps the keys of persons by the current master key, some thousand at a time; may be stopped and run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from deploy.database import Connection
from deploy.stack.errors import StackError
from shared.runtime.master_keys import KeyUnavailable, MasterKeys
from shared.runtime.pg import load_queries

Q = load_queries("deploy.keys")
BATCH = 2_000
_NOBODY = UUID(int=0)


@dataclass(slots=True)
class Rotated:
    """What a rotation did.

    Attributes:
        wrapped: Keys of persons now wrapped by the current master key.
        closed: Persons whose keys could not be opened; they are as they were.
        forgotten: Ids of master keys that wrap nothing any more, and whose files may go.
        left: Keys wrapped by another master key at the end: those closed, and what a service wrapped meanwhile.
    """

    wrapped: int = 0
    closed: list[UUID] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    left: int = 0


async def rotate(connection: Connection, masters: MasterKeys, told: Callable[[int], None] = lambda _: None) -> Rotated:
    """Wrap everything by the current master key. Each batch is one transaction; what is done stays done.

    Args:
        connection: The operator's, to the vault.
        masters: All that are needed, with the new one as the current.
        told: Called after each batch with how many are wrapped so far.

    Raises:
        StackError: No service has started with the current master key yet.
    """
    current = masters.current
    if not any(row["key_id"] == current.key_id for row in await connection.fetch(Q.masters)):
        raise StackError(
            f"No service knows master key {current.key_id} yet",
            "Start the services with it first: MASTER_KEY_FILE the new one, MASTER_KEYS_OLD the old one",
        )
    done = Rotated()
    await _rotate_secrets(connection, masters)
    behind = _NOBODY
    while rows := await _batch(connection, masters, behind, done):
        behind = rows[-1]["person_id"]
        told(done.wrapped)
    done.forgotten = [row["key_id"] for row in await connection.fetch(Q.forget_unused, current.key_id)]
    done.left = await connection.fetchval(Q.left, current.key_id)
    return done


async def _batch(connection: Connection, masters: MasterKeys, behind: UUID, done: Rotated) -> Sequence[Any]:
    current = masters.current
    async with connection.transaction():
        rows = await connection.fetch(Q.to_wrap, current.key_id, behind, BATCH)
        ids: list[UUID] = []
        wrapped: list[bytes] = []
        for row in rows:
            try:
                opened = masters.unwrap(row["key_id"], row["wrapped_key"])
            except KeyUnavailable:
                done.closed.append(row["person_id"])
                continue
            ids.append(row["person_id"])
            wrapped.append(current.wrap(opened))
        await connection.execute(Q.wrapped, current.key_id, ids, wrapped)
    done.wrapped += len(ids)
    return rows


async def _rotate_secrets(connection: Connection, masters: MasterKeys) -> None:
    current = masters.current
    async with connection.transaction():
        for row in await connection.fetch(Q.secrets, current.key_id):
            try:
                opened = masters.unwrap(row["key_id"], row["wrapped"])
            except KeyUnavailable as error:
                raise StackError(f"The secret {row['name']} of the vault cannot be opened", str(error)) from None
            await connection.execute(Q.wrap_secret, row["name"], current.key_id, current.wrap(opened))
