"""Who may sign in, with which password; wrong passwords slow down, they do not lock out.

Each try is counted before its password is looked at, so that many at once are no more than as many after each other.
Tries are counted where they come from: of a browser that has signed in before as that user by its own, of others by user
and address together; where no right password ever came from, also by user. So nobody's tries lock out the right person at
their own desk, and one user's tries never lock out a whole address.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from services.router.store.cases import QUERIES
from shared.runtime.directory import Member, member_of
from shared.runtime.pg import Database

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's argon2id setting for 19 MiB; about 30 ms here."""
_FREE, _LONGEST = 5, 300
"""Tries that are looked at at once from one place, and the longest wait for the next, in seconds."""
_FREE_OF_USER, _LONGEST_OF_USER = 20, 30
"""The same for one user from all places that are new to them together: this slows, whoever it is."""
_NOBODY = _HASHER.hash("nobody has this password")


class Throttled(Exception):
    """Too many wrong passwords; `wait` seconds until the next try counts."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"wait {wait} s")
        self.wait = wait


class Staff:
    """The staff directory, for the one service that may change it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sign_in(self, user: str, password: str, address: str, device: str | None = None) -> Member | None:
        """The member of staff whose password this is, or `None`.

        Takes as long for an unknown user as for a wrong password.

        Args:
            user: as typed, in lower case.
            password: as typed.
            address: the network they come from.
            device: a browser that signed in as this user before.

        Raises:
            Throttled: after five tries from there, or twenty for the user from where they never signed in, for a growing time.
        """
        subject = f"device:{user}|{device}" if device else f"pair:{user}|{address}"
        known = await self._count(subject, _FREE, _LONGEST) or device is not None
        if not known:
            await self._count(f"user:{user}", _FREE_OF_USER, _LONGEST_OF_USER)
        if not await self.is_password_of(user, password):
            return None
        await self._database.execute(QUERIES.forget_tries, subject)
        if not known:
            await self._database.execute(QUERIES.take_back_try, f"user:{user}")
        return next((member for member in await self.everybody() if member.user == user), None)

    async def _count(self, subject: str, free: int, longest: int) -> bool:
        """Count a try; answers whether a right password came from there before."""
        row = await self._database.fetchrow(QUERIES.count_try, subject, uuid4(), free, longest)
        assert row is not None
        if not row["counted"]:
            raise Throttled(row["wait"])
        return bool(row["known"])

    async def is_password_of(self, user: str, password: str) -> bool:
        """Whether it is the password of an active member; takes as long for an unknown user."""
        row = await self._database.fetchrow(QUERIES.credentials, user)
        known = row is not None and row["active"]
        right = await asyncio.to_thread(_verify, row["password_hash"] if row and known else _NOBODY, password)
        return right and known

    async def save(self, members: Sequence[tuple[Member, str]]) -> None:
        """Add members with their passwords, or renew those of existing ones, whose sessions end."""
        hashes = await asyncio.to_thread(lambda: [_HASHER.hash(password) for _, password in members])
        await self._database.execute(
            QUERIES.save_staff,
            [member.user for member, _ in members],
            [member.name for member, _ in members],
            [member.role for member, _ in members],
            [member.department for member, _ in members],
            [member.pack for member, _ in members],
            hashes,
        )

    async def disable(self, user: str) -> bool:
        """Let nobody sign in as this user any more, and end their sessions; answers whether there was one."""
        return bool(await self._database.fetchval(QUERIES.disable_staff, user))

    async def set_password(self, user: str, password: str) -> int | None:
        """Another password; sessions under the old one end. Answers the new session epoch; None: no active user."""
        hashed = await asyncio.to_thread(_HASHER.hash, password)
        epoch: int | None = await self._database.fetchval(QUERIES.set_password, user, hashed)
        return epoch

    async def end_session(self, session_id: UUID, user: str) -> None:
        """Sign one session out, in every service."""
        await self._database.execute(QUERIES.end_session, session_id, user)

    async def end_sessions(self, user: str) -> None:
        """Sign all sessions of a user out, in every service."""
        await self._database.execute(QUERIES.end_sessions, user)

    async def everybody(self) -> list[Member]:
        """All members, former ones too."""
        return [member_of(row) for row in await self._database.fetch(QUERIES.members)]


def _verify(known: str, password: str) -> bool:
    try:
        return _HASHER.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False
