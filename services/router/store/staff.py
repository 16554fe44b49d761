"""Who may sign in, with which password; wrong passwords slow down, they do not lock out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from services.router.store.cases import QUERIES
from shared.runtime.pg import Database

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's argon2id setting for 19 MiB; about 30 ms here."""
_NOBODY = _HASHER.hash("nobody has this password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of staff as the directory has them."""

    user: str
    name: str
    role: str
    department: str
    active: bool = True


class Throttled(Exception):
    """Too many wrong passwords; `wait` seconds until the next try counts."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"wait {wait} s")
        self.wait = wait


class Staff:
    """The staff directory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user: str) -> Member | None:
        """An active member of staff."""
        row = await self._database.fetchrow(QUERIES.fetch_staff, user)
        if row is None or not row["active"]:
            return None
        return Member(user=row["user_name"], name=row["name"], role=row["role"], department=row["department"])

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
        row = await self._database.fetchrow(QUERIES.fetch_staff, user)
        known = row["password_hash"] if row is not None and row["active"] else _NOBODY
        right = await asyncio.to_thread(_verify, known, password)
        if not right or row is None or not row["active"]:
            await self._database.execute(QUERIES.count_failure, subjects)
            return None
        await self._database.execute(QUERIES.forget_failures, subjects[0])
        return Member(user=row["user_name"], name=row["name"], role=row["role"], department=row["department"])

    async def save(self, members: Sequence[tuple[Member, str]]) -> None:
        """Add members with their passwords, or renew those of existing ones."""
        hashes = await asyncio.to_thread(lambda: [_HASHER.hash(password) for _, password in members])
        await self._database.execute(
            QUERIES.save_staff,
            [member.user for member, _ in members],
            [member.name for member, _ in members],
            [member.role for member, _ in members],
            [member.department for member, _ in members],
            hashes,
        )

    async def end(self, user: str) -> bool:
        """Let nobody sign in as this user any more; answers whether there was one."""
        return await self._database.fetchval(QUERIES.end_staff, user) is not None

    async def everybody(self) -> list[Member]:
        """All members, former ones too."""
        rows = await self._database.fetch(QUERIES.list_staff)
        return [
            Member(
                user=row["user_name"],
                name=row["name"],
                role=row["role"],
                department=row["department"],
                active=row["active"],
            )
            for row in rows
        ]


def _verify(known: str, password: str) -> bool:
    try:
        return _HASHER.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False
