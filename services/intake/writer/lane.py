"""A connection of its own that files groups of complaints, persons included, with one statement."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.intake import store
from services.intake.domain import receipt
from services.intake.domain.faults import Fault, fault
from services.intake.domain.idempotency import Verdict, judge
from services.intake.writer.answers import answers_again
from services.intake.writer.persons import Persons
from services.intake.writer.rows import Contacts, Filing, Ready, build_row
from shared.runtime.errors import Transient, is_refused_by_database, safe_text
from shared.runtime.pg import Database
from shared.runtime.vault import PersonKey

log = logging.getLogger(__name__)

_STALE = 0.05  # seconds; a reading of the database's clock that old is read again


@dataclass(frozen=True, slots=True)
class Filed:
    """The complaint is committed: the body of its 201. `replayed`: it was before this request."""

    answer: str
    complaint_id: UUID
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key belongs to another body: 422."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The complaint was filed, and its customer erased since: 410."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What no group can file: 422."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Broken:
    """Our own mistake stopped this one complaint, not its neighbours: 500."""


Outcome = Filed | KeyReused | Gone | Refused | Broken


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
    persons: Persons
    progress_base: str
    commit_seconds: float
    references: References
    wake: Callable[[], None]
    reached: Callable[[str], None]


class _Draft(NamedTuple):
    """A complaint about to be filed."""

    filing: Filing
    contacts: Contacts
    number: int


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
        await self._place.persons.open()
        now = await self._clock()
        numbers = await self._place.references.take(self._connection, len(group))
        drafts = [
            _Draft(filing, Contacts.of(filing.complaint, self._place.persons), number)
            for filing, number in zip(group, numbers, strict=True)
        ]
        if self._place.persons.beside and _all_keys_differ(group):
            outcomes = await self._file_with_persons(drafts, now)
            if outcomes is not None:
                return outcomes
        persons = await self._place.persons.keys_for([draft.contacts.person for draft in drafts])
        return await self._file_under(drafts, persons, now)

    async def _file_with_persons(self, drafts: Sequence[_Draft], now: datetime) -> list[Outcome] | None:
        """File all whose persons are new, persons included, in one statement; the others under the keys it answers.

        Returns:
            An outcome for each; None when the database refuses the data of one, and nothing is filed.
        """
        proposal = self._place.persons.propose(draft.contacts.person for draft in drafts)
        judged = self._judge(drafts, proposal.keys, now)
        ready = [one for one in judged if isinstance(one, Ready)]
        if not ready:
            return [one for one in judged if not isinstance(one, Ready)]
        self._place.reached("CP.intake.before_commit")
        try:
            filed = await store.file_with_persons(self._connection, [one.row for one in ready], now, proposal)
        except Exception as error:
            if not is_refused_by_database(error):
                raise
            return None
        self._committed(filed.now)
        known = await self._place.persons.known(proposal, filed.known)
        settled = iter(await self._outcomes([one for one in ready if one.row.person_id not in known], filed.won))
        again = [place for place, one in enumerate(judged) if isinstance(one, Ready) and one.row.person_id in known]
        persons = [known[person.person_id] for person in (proposal.keys[place] for place in again)]
        refiled = iter(await self._file_under([drafts[place] for place in again], persons, now) if again else ())
        return [
            next(refiled if one.row.person_id in known else settled) if isinstance(one, Ready) else one
            for one in judged
        ]

    async def _file_under(self, drafts: Sequence[_Draft], persons: Sequence[PersonKey], now: datetime) -> list[Outcome]:
        """File complaints of persons whose keys are stored."""
        judged = self._judge(drafts, persons, now)
        ready = [one for one in judged if isinstance(one, Ready)]
        filed = iter(await self._insert(ready, now) if ready else ())
        return [next(filed) if isinstance(one, Ready) else one for one in judged]

    def _judge(self, drafts: Sequence[_Draft], persons: Sequence[PersonKey], now: datetime) -> list[Ready | Outcome]:
        return [self._prepare(draft, person, now) for draft, person in zip(drafts, persons, strict=True)]

    def _prepare(self, draft: _Draft, person: PersonKey, now: datetime) -> Ready | Outcome:
        """The row of one complaint, or why there is none. A mistake of ours must not take the neighbours along."""
        complaint = draft.filing.complaint
        code = receipt.refusal(complaint.received_at, now)
        if code is not None:
            return Refused(fault(code, "/received_at", complaint.language, limit=receipt.OLDEST.days))
        try:
            return build_row(draft.filing, draft.contacts, person, draft.number, now, self._place.progress_base)
        except Exception as error:
            log.error("row could not be built", extra={"action": "build_row"}, exc_info=error)
            return Broken()

    async def _insert(self, ready: Sequence[Ready], now: datetime) -> list[Outcome]:
        """One statement; when the database refuses the data, halves, until only the bad row is left."""
        self._place.reached("CP.intake.before_commit")
        try:
            read, won = await store.file(self._connection, [one.row for one in ready], now)
        except Exception as error:
            if not is_refused_by_database(error):
                raise
            if len(ready) == 1:
                log.error("row refused by the database", extra={"action": "file_row", "error": safe_text(error)})
                return [Refused(fault("not_acceptable", "", "en" if ready[0].row.language == "en" else "zh"))]
            middle = len(ready) // 2
            return [*await self._insert(ready[:middle], now), *await self._insert(ready[middle:], now)]
        self._committed(read)
        return await self._outcomes(ready, won)

    def _committed(self, read: datetime) -> None:
        """A statement has committed and brought the database's clock along."""
        self._read, self._read_at = read, time.monotonic()
        self._place.wake()
        self._place.reached("CP.intake.committed_before_answer")

    async def _outcomes(self, ready: Sequence[Ready], won: Collection[UUID]) -> list[Outcome]:
        """What each complaint gets: its own answer, or the one kept under its key before."""
        lost = [one for one in ready if one.row.complaint_id not in won]
        earlier = iter(await self._earlier(lost) if lost else ())
        return [
            Filed(one.answer, one.row.complaint_id) if one.row.complaint_id in won else next(earlier) for one in ready
        ]

    async def _earlier(self, lost: Sequence[Ready]) -> list[Outcome]:
        """What complaints get whose keys were used before."""
        stored = await store.stored_answers(self._connection, [(one.row.client_id, one.row.key) for one in lost])
        if None in stored:  # pruned between the two statements; the retry files it
            raise Unavailable("the stored answer is gone")
        answers = await answers_again(stored, self._place.persons, self._place.progress_base)
        return [
            _earlier_outcome(judge(stored=before.digest, sent=one.row.digest, as_told=one.as_told), before, answer)
            for one, before, answer in zip(lost, stored, answers, strict=True)
            if before is not None
        ]

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


def _earlier_outcome(verdict: Verdict, before: store.Stored, answer: str) -> Outcome:
    if verdict is Verdict.SAME:
        return Filed(answer, before.complaint_id, replayed=True)
    return Gone() if verdict is Verdict.ERASED else KeyReused()


def _all_keys_differ(group: Sequence[Filing]) -> bool:
    """Of two complaints under one key the first is filed; that holds only within one statement."""
    return len({(filing.client.client_id, filing.key) for filing in group}) == len(group)
