"""What desks read: pages of a queue, search, one case with its story. Never locks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal, Protocol
from uuid import UUID

from services.router.domain.words import query_of
from services.router.store.cases import QUERIES
from shared.events.reference import BadReference, parse_reference
from shared.runtime.pg import Database

NO_DATE = datetime(9999, 1, 1, tzinfo=UTC)
"""Where cases without a running clock stand: behind all others."""
COUNTED = 10_000
"""How far lists are counted, and how many hits a search finds at most; see `queries.sql`."""
_MOST_FIT = 1e6
EXCERPT = 160
WHOLE = 100_000
View = Literal["queue", "offered", "all", "escalated", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which cases somebody wants to see. The caller has checked that they may.

    Attributes:
        packs: packs to look in, for views over departments.
        department: the one department to look at, or every department of the packs.
        state: one state, or every open one; not for closed cases.
        words: what to search for, over open and closed cases; within the view, if that is offered, escalated or closed.
        after: the place behind which the page begins.
        not_about: the department whose people nothing may be about that is found by its words, unless it has the case.
    """

    packs: tuple[str, ...]
    view: View = "queue"
    department: str | None = None
    state: str | None = None
    words: str | None = None
    after: str | None = None
    limit: int = 50
    not_about: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Cases in order, how many there are in all (up to 10,000), and where the next page begins."""

    rows: list[Any]
    total: int
    after: str | None


class Reads(Protocol):
    """Whatever answers queries: the pool, or a command's transaction."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Any]:
        """All rows of a query."""

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        """The first row of a query."""

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row."""


class CaseReading:
    """One case, as its connection sees it."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def case(self, reference: str) -> Any | None:
        """One case with everything the desk shows, or `None`."""
        found = await self._reads.fetchval(QUERIES.find_complaint, reference)
        rows = await self._rows([found], WHOLE) if found else []
        return rows[0] if rows else None

    async def history(self, complaint_id: UUID) -> list[Any]:
        """The story of a case, oldest first."""
        return list(await self._reads.fetch(QUERIES.history, complaint_id))

    async def _rows(self, ids: Sequence[UUID], length: int) -> list[Any]:
        rows = {row["complaint_id"]: row for row in await self._reads.fetch(QUERIES.case_rows, list(ids), length)}
        return [rows[i] for i in ids if i in rows]


class Reading(CaseReading):
    """Answers the desk's questions."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    async def whose(self, reference: str) -> tuple[UUID, UUID] | None:
        """The complaint and the person a reference names; neither ever changes."""
        row = await self._database.fetchrow(QUERIES.find_complaint, reference)
        return None if row is None else (row["complaint_id"], row["person_id"])

    async def page(self, wish: Wish) -> Page:
        """A page of cases."""
        found = await self._places(wish)
        more = len(found) > wish.limit
        found = found[: wish.limit]
        rows = await self._rows([place["complaint_id"] for place in found], EXCERPT)
        after = (_fit_after if wish.words else _place_after)(found[-1]) if more else None
        return Page(rows=rows, total=found[0]["total"] if found else 0, after=after)

    async def counts(self, department: str, packs: Sequence[str]) -> Any:
        """How many cases are mine, offered to me, escalated; and the database's clock."""
        return await self._database.fetchrow(QUERIES.counts, department, list(packs))

    async def open_packs(self) -> list[str]:
        """The packs that have open cases."""
        return [row["pack"] for row in await self._database.fetch(QUERIES.open_packs)]

    async def open_in(self, packs: Sequence[str]) -> int:
        """How many open cases packs have."""
        count: int = await self._database.fetchval(QUERIES.open_in_packs, list(packs))
        return count

    async def now(self) -> datetime:
        """The database's clock."""
        now: datetime = await self._database.fetchval("SELECT clock.now()")
        return now

    async def _places(self, wish: Wish) -> list[Any]:
        """The ids of a page in order, one more than asked for, each with `total`."""
        if wish.words is not None:
            return await self._search(wish)
        one = wish.department
        if wish.view == "offered":
            return await self._by_date(QUERIES.offered_to_department, [one], wish)
        if wish.view == "escalated":
            return await self._by_date(QUERIES.escalated_of_pack, wish.packs, wish, one)
        if wish.view == "closed":
            sql = QUERIES.closed_of_department if one else QUERIES.closed_of_pack
            found = [
                await self._database.fetch(sql, scope, _id_of(wish.after), wish.limit + 1)
                for scope in ([one] if one else wish.packs)
            ]
            return _merged(found, wish.limit + 1, lambda row: -row["complaint_id"].int)
        if one is not None:
            return await self._by_date(QUERIES.open_of_department, [one], wish)
        return await self._by_date(QUERIES.open_of_pack, wish.packs, wish)

    async def _by_date(self, sql: str, scopes: Sequence[str | None], wish: Wish, *more: str | None) -> list[Any]:
        """Read each scope along its index; only operators have more than one pack."""
        due, at = _place_of(wish.after)
        found = [await self._database.fetch(sql, scope, wish.state, due, at, wish.limit + 1, *more) for scope in scopes]
        return _merged(found, wish.limit + 1, lambda row: (row["due_at"] or NO_DATE, row["complaint_id"]))

    async def _search(self, wish: Wish) -> list[Any]:
        words = wish.words or ""
        try:
            reference = parse_reference(words)
        except BadReference:
            pass
        else:
            return await self._database.fetch(QUERIES.by_reference, reference, list(wish.packs), wish.department)
        query = query_of(words)
        if query is None:
            return []
        async with self._database.connection() as connection, connection.transaction(readonly=True):
            # How common the words are decides between two very different plans, so each search is planned anew.
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            fit, at = _fit_of(wish.after)
            return await connection.fetch(
                QUERIES.search_cases, query, list(wish.packs), wish.department, wish.state, wish.limit + 1, wish.view,
                fit, at, wish.not_about,
            )  # fmt: skip


def _merged(found: Sequence[Sequence[Any]], limit: int, place: Callable[[Any], Any]) -> list[Any]:
    """Pages of several scopes as one, with the sum of their totals."""
    if len(found) == 1:
        return list(found[0])
    total = sum(rows[0]["total"] for rows in found if rows)
    merged = sorted(chain.from_iterable(found), key=place)[:limit]
    return [{"complaint_id": row["complaint_id"], "due_at": row["due_at"], "total": total} for row in merged]


def _place_after(row: Any) -> str:
    due = row["due_at"] or NO_DATE
    return f"{due.isoformat()}~{row['complaint_id']}"


def _place_of(after: str | None) -> tuple[datetime, UUID]:
    """The place a page begins behind; anything that is no place is the beginning."""
    try:
        due, _, at = (after or "").partition("~")
        return datetime.fromisoformat(due).astimezone(UTC), UUID(at)
    except (ValueError, OverflowError):
        return datetime(1, 1, 2, tzinfo=UTC), UUID(int=0)


def _fit_after(row: Any) -> str:
    return f"{row['fit']!r}~{row['complaint_id']}"


def _fit_of(after: str | None) -> tuple[float | None, UUID | None]:
    """The place a page of hits begins behind; anything that is no place is the beginning."""
    try:
        fit, _, at = (after or "").partition("~")
        return (float(fit), UUID(at)) if abs(float(fit)) <= _MOST_FIT else (None, None)
    except ValueError:
        return None, None


def _id_of(after: str | None) -> UUID | None:
    at = _place_of(after)[1]
    return at if at.int else None
