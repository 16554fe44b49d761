"""Who may sign in, with which password; wrong passwords slow down, they do not lock out."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from services.router.store.cases import QUERIES
from shared.runtime.directory import Member, member_of
from shared.runtime.pg import Database

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's argon2id setting for 19 MiB; about 30 ms here."""
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

    async def sign_in(self, user: str, password: str, address: str) -> Member | None:
        """The member of staff whose password this is, or `None`.

        Takes as long for an unknown user as for a wrong password.

        Raises:
            Throttled: after five wrong passwords for the user or from the address, for a growing time.
        """
        subjects = [f"user:{user}", f"from:{address}"]
        wait = await self._database.fetchval(QUERIES.throttled, subjects)
        if wait:
            raise Throttled(wait)
        if not await self.is_password_of(user, password):
            await self._database.execute(QUERIES.count_failure, subjects)
            return None
        await self._database.execute(QUERIES.forget_failures, subjects[0])
        return next((member for member in await self.everybody() if member.user == user), None)

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
