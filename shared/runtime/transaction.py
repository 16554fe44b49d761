"""One transaction: state and the events that follow from it are committed together, or not at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, Union

import asyncpg

from shared.events.envelope import Event
from shared.runtime.outbox import INSERT, OutboxRow, check_size, rows_of

Connection: TypeAlias = Union["asyncpg.Connection[asyncpg.Record]", "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]


class Tx:
    """A transaction of a handler or a command.

    Attributes:
        now: the database's clock (`clock.now()`) when the transaction began; the only clock of handlers.
    """

    __slots__ = ("_connection", "_default_trace", "_out", "_topic", "_traces", "now")

    def __init__(
        self,
        connection: Connection,
        topic: str,
        now: datetime,
        traces: Mapping[str, str],
        default_trace: str | None = None,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._traces = traces
        self._default_trace = default_trace
        self._out: list[OutboxRow] = []
        self.now = now

    def emit(self, event: Event, *, trace: str | None = None) -> None:
        """Let an event leave when the transaction commits. Its trace goes on from the event that caused it."""
        context = trace or self._traces.get(event.cause.id, self._default_trace)
        self._out.extend(rows_of((event,), self._topic, context))

    def trace_of(self, cause_id: str) -> str | None:
        """The trace context of an event of this batch, or of the request; to keep with a timer."""
        return self._traces.get(cause_id, self._default_trace)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of a query."""
        return await self._connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row of a query."""
        return await self._connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row."""
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement; answers its command tag."""
        return await self._connection.execute(sql, *args)

    async def write_outbox(self) -> int:
        """Write the emitted events, in order, with one statement; answers how many. The runtime calls this last.

        Last, because the handler has locked the complaints' rows by then: ids drawn now follow commit order per key.
        """
        out, self._out = self._out, []
        await write_rows(self._connection, out)
        return len(out)

    def add_rows(self, rows: Sequence[OutboxRow]) -> None:
        """Add rows that are not events of ours: dead letters."""
        self._out.extend(rows)


async def write_rows(connection: Connection, rows: Sequence[OutboxRow]) -> None:
    """Insert outbox rows with one statement, keeping their order.

    Raises:
        Permanent: one of them is larger than a record may be.
    """
    if rows:
        for row in rows:
            check_size(row)
        await connection.execute(INSERT, *(list(column) for column in zip(*rows, strict=True)))
