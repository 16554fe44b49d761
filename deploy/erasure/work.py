"""Intake's way of erasing, with the operator's rights and from the operator's shell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

from deploy.database import Connection, operator_connection
from deploy.endpoints import Endpoints
from deploy.erasure.find import Person
from deploy.stack.errors import StackError
from services.intake.domain.erasure import No
from services.intake.handlers.erasing import Erasing
from services.intake.handlers.sent_mail import forget_at
from services.intake.store import Reads, erasures
from shared.events.ids import new_id
from shared.events.topics import INTAKE
from shared.runtime.errors import Transient
from shared.runtime.pg import load_queries
from shared.runtime.security_log import Kind, line_of, write_now
from shared.runtime.transaction import Tx

Q = load_queries("deploy.erasure")


@asynccontextmanager
async def intake_of(endpoints: Endpoints) -> AsyncIterator[Connection]:
    """The operator's connection with intake's tables at hand."""
    async with operator_connection(endpoints.dsn) as connection:
        await connection.execute(Q.enter)
        yield connection


def erasing_with(connection: Connection, endpoints: Endpoints) -> Erasing:
    """What carries erasures out."""
    return Erasing(
        database=connection,
        transaction=lambda: _transaction(connection),
        beside=endpoints.vault_dsn == endpoints.dsn,
        shred=lambda ids: _shred(endpoints.vault_dsn, ids),
        forget=forget_at(endpoints.mail or ""),
    )


async def counts(db: Reads, complaint_ids: Collection[UUID]) -> dict[str, int]:
    """What the services hold of these complaints."""
    row: Any = await db.fetchrow(Q.counts, list(complaint_ids))
    return dict(row)


async def erase(connection: Connection, endpoints: Endpoints, person: Person, *, why: str, by: str) -> list[str]:
    """Erase a person; answers what is still to follow. Running it again goes on where it was left.

    Raises:
        StackError: the person is held.
    """
    running = await erasures.under_way(connection, person.person_id)
    if running is None:
        made = new_id()
        await erasures.ask(connection, made, person.person_id, person.complaint_id, state="approved", why=why, by=by)
        running = await erasures.under_way(connection, person.person_id)
    elif running.state == "asked":
        await erasures.decide(connection, running.erasure_id, "approved", by)
    if running is None:
        return []
    for one in person.complaints:
        detail = {"erasure": str(running.erasure_id), "by": "command"}
        await write_now(connection, line_of(Kind.ERASED, by, pack=one.pack, reference=one.reference, **detail))
    try:
        declined = await erasing_with(connection, endpoints).carry_out(running.erasure_id)
    except Transient as error:
        return [f"{error}: intake tries again until its copies of sent mails are gone"]
    if declined is No.HELD:
        raise StackError("A legal hold was set meanwhile; nothing was changed", "See `redress erase` without --yes")
    return []


def _transaction(connection: Connection) -> AbstractAsyncContextManager[Tx]:
    @asynccontextmanager
    async def begin() -> AsyncIterator[Tx]:
        async with connection.transaction():
            tx = Tx(connection, INTAKE.name, await connection.fetchval("SELECT clock.now()"), {})
            yield tx
            await tx.write_outbox()

    return begin()


async def _shred(dsn: str, person_ids: Collection[UUID]) -> int:
    async with operator_connection(dsn) as vault:
        return int(await vault.fetchval("SELECT vault.shred($1::uuid[])", list(person_ids)))
