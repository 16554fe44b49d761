"""A connection of its own that files groups of complaints: keys in one query, everything else in one statement."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.intake import store
from services.intake.domain import receipt
from services.intake.domain.faults import Fault, fault
from services.intake.domain.idempotency import Verdict, judge
from services.intake.store import Row
from services.intake.writer.rows import Contacts, Filing, build_row
from shared.runtime.errors import Transient, is_refused_by_database, safe_text
from shared.runtime.pg import Database
from shared.runtime.vault import PersonKey, Vault

log = logging.getLogger(__name__)

_STALE = 0.05  # seconds; a reading of the database's clock that old is read again


@dataclass(frozen=True, slots=True)
class Filed:
    """The complaint is committed: the body of its 201. `replayed`: it was before this request."""

    answer: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key belongs to another body: 422."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What no group can file: 422."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Broken:
    """Our own mistake stopped this one complaint, not its neighbours: 500."""


Outcome = Filed | KeyReused | Refused | Broken


class Unavailable(Transient):
    """Nothing is known to be filed; the same request may go through later (503)."""


class References:
    """Numbers for references, drawn in blocks of 1,000. What a process leaves of its block is never used."""

    def __init__(self) -> None:
        self._block = range(0)

    async def take(self, db: store.Reads, count: int) -> list[int]:
        """So many numbers nobody else gets."""
        taken: list[int] = []
        while len(taken) < count:
            if not self._block:
                self._block = await store.next_references(db)
            wanted = count - len(taken)
            taken.extend(self._block[:wanted])
            self._block = self._block[wanted:]
        return taken


@dataclass(frozen=True, slots=True)
class Place:
    """What all lanes of a process share."""

    database: Database
    vault: Vault
    progress_base: str
    commit_seconds: float
    references: References
    wake: Callable[[], None]
    reached: Callable[[str], None]


class Lane:
    """Files one group at a time. Connects when first used, and anew after a failure."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: Any = None
        self._read_at = float("-inf")
        self._read: datetime | None = None

    async def file(self, group: Sequence[Filing]) -> list[Outcome]:
        """File a group; answers an outcome for each, in order.

        Raises:
            Unavailable: the database is away, slow or full. Whether something was committed is not known; a retry
                with the same key finds out.
        """
        try:
            async with asyncio.timeout(self._place.commit_seconds):
                return await self._file(group)
        except Exception as error:
            await self._drop()
            log.warning(
                "group not filed", extra={"action": "file_group", "error": safe_text(error), "size": len(group)}
            )
            raise Unavailable("the database does not answer", retry_after=2.0) from error
        except asyncio.CancelledError:
            await self._drop()
            raise

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close(timeout=2)

    async def _file(self, group: Sequence[Filing]) -> list[Outcome]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._place.database.connect()
        contacts = [Contacts.of(filing.complaint, self._place.vault) for filing in group]
        persons = await self._place.vault.keys_for([contact.person for contact in contacts])
        now = await self._clock()
        numbers = await self._place.references.take(self._connection, len(group))
        judged = [
            self._prepare(filing, contact, person, number, now)
            for filing, contact, person, number in zip(group, contacts, persons, numbers, strict=True)
        ]
        rows = [row for row in judged if isinstance(row, Row)]
        filed = iter(await self._insert(rows, now) if rows else ())
        if rows:
            self._place.wake()
            self._place.reached("CP.intake.committed_before_answer")
        return [next(filed) if isinstance(one, Row) else one for one in judged]

    def _prepare(
        self, filing: Filing, contacts: Contacts, person: PersonKey, number: int, now: datetime
    ) -> Row | Outcome:
        """The row of one complaint, or why there is none. A mistake of ours must not take the neighbours along."""
        code = receipt.refusal(filing.complaint.received_at, now)
        if code is not None:
            return Refused(fault(code, "/received_at", filing.complaint.language, limit=receipt.OLDEST.days))
        try:
            return build_row(filing, contacts, person, number, now, self._place.progress_base)
        except Exception as error:
            log.error("row could not be built", extra={"action": "build_row"}, exc_info=error)
            return Broken()

    async def _insert(self, rows: Sequence[Row], now: datetime) -> list[Outcome]:
        """One statement; when the database refuses the data, halves, until only the bad row is left."""
        self._place.reached("CP.intake.before_commit")
        try:
            read, won = await store.file(self._connection, rows, now)
        except Exception as error:
            if not is_refused_by_database(error):
                raise
            if len(rows) == 1:
                log.error("row refused by the database", extra={"action": "file_row", "error": safe_text(error)})
                return [Refused(fault("not_acceptable", "", "en" if rows[0].language == "en" else "zh"))]
            middle = len(rows) // 2
            return [*await self._insert(rows[:middle], now), *await self._insert(rows[middle:], now)]
        self._read, self._read_at = read, time.monotonic()
        lost = [row for row in rows if row.complaint_id not in won]
        stored = iter(
            await store.stored_answers(self._connection, [(r.client_id, r.key) for r in lost]) if lost else ()
        )
        return [Filed(row.answer) if row.complaint_id in won else _earlier(row, next(stored)) for row in rows]

    async def _clock(self) -> datetime:
        """The database's clock: as read a moment ago plus what passed since, or read anew."""
        passed = time.monotonic() - self._read_at
        if self._read is None or passed > _STALE:
            self._read, self._read_at, passed = await store.clock(self._connection), time.monotonic(), 0.0
        return self._read + timedelta(seconds=passed)

    async def _drop(self) -> None:
        """Give the connection up; what it was doing may or may not be committed."""
        connection, self._connection, self._read = self._connection, None, None
        if connection is not None:
            connection.terminate()


def _earlier(row: Row, stored: tuple[bytes, str] | None) -> Outcome:
    """What a row gets whose key was used before."""
    if stored is None:  # pruned between the two statements; the retry files it
        raise Unavailable("the stored answer is gone")
    digest, answer = stored
    return Filed(answer, replayed=True) if judge(stored=digest, sent=row.digest) is Verdict.SAME else KeyReused()
