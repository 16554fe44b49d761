"""The staff directory as a process knows it: read whole at most once a second, and only while somebody signed in asks.

What a member of staff may do is decided by what they are now, not by what they were when they signed in, so a
dismissal, another role, another password and a sign-out are in force in every service within about a second. While the
database is away the last view counts for a minute; after that nobody can say who is asking.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from shared.runtime.errors import safe_text
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 1.0
USABLE_SECONDS: Final = 60.0
_AT_ONCE: Final = 0.2  # a view younger than this is not read again, whoever is not in it
_MEMBERS: Final = (
    "SELECT user_name, name, role, department, departments, pack, active, session_epoch FROM directory.members()"
)
_ENDED: Final = "SELECT ended FROM directory.ended() AS ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of staff as the directory has them.

    Attributes:
        departments: whose cases are theirs besides those of `department`.
        pack: which the department was of when they were saved; None: not known.
        session_epoch: sessions of an earlier one have ended.
    """

    user: str
    name: str
    role: str
    department: str
    departments: tuple[str, ...] = ()
    pack: str | None = None
    active: bool = True
    session_epoch: int = 1


@dataclass(frozen=True, slots=True)
class View:
    """The directory at one moment."""

    members: Mapping[str, Member] = field(default_factory=dict)
    ended: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, members: Iterable[Member], ended: Iterable[UUID] = ()) -> "View":
        """A view of these members."""
        return cls({member.user: member for member in members}, frozenset(ended))


class Directory:
    """The last view of the directory, and when it was read."""

    def __init__(self, load: Callable[[], Awaitable[View]], clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._view: View | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    @property
    def view(self) -> View | None:
        """What is known; None when it was never read, or not for a minute."""
        return self._view if self._clock() - self._read_at <= USABLE_SECONDS else None

    async def refresh(self, at_most: float = FRESH_SECONDS) -> View | None:
        """Read it again when it is older than `at_most` seconds; all who wait meanwhile share one read."""
        if self._clock() - self._read_at > at_most:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            await asyncio.shield(self._reading)
        return self.view

    async def refresh_now(self) -> View | None:
        """Read it again for somebody it does not vouch for, unless that was done just now."""
        return await self.refresh(_AT_ONCE)

    def changed(self) -> None:
        """This process changed something: the next look reads it again."""
        self._read_at = min(self._read_at, self._clock() - FRESH_SECONDS - _AT_ONCE)

    async def _read(self) -> None:
        began = self._clock()
        try:
            view = await self._load()
        except Exception as error:
            log.warning("the staff directory is not read", extra={"action": "directory", "error": safe_text(error)})
        else:
            self._view, self._read_at = view, began


def reader_of(database: Database) -> Callable[[], Awaitable[View]]:
    """Reads the directory from Postgres."""

    async def load() -> View:
        async with database.connection() as connection:
            members = await connection.fetch(_MEMBERS)
            ended = await connection.fetch(_ENDED)
        return View.of((member_of(row) for row in members), (row["ended"] for row in ended))

    return load


def member_of(row: Any) -> Member:
    """The member a row of `directory.members()` holds."""
    values = {name: row[name] for name in ("name", "role", "department", "pack", "active", "session_epoch")}
    return Member(user=row["user_name"], departments=tuple(row["departments"]), **values)
