"""Members of staff for tests: in the directory, and signed in."""

from __future__ import annotations

from shared.runtime.directory import Directory, Member, View
from shared.runtime.web.sessions import Sessions, Staff
from tests.support.stack import Database

_EMPLOY = """
INSERT INTO directory.staff AS s (user_name, name, role, department, departments, pack, password_hash)
VALUES ($1, $2, $3, $4, $5, $6, 'none') ON CONFLICT (user_name) DO UPDATE SET name = excluded.name,
    role = excluded.role, department = excluded.department, departments = excluded.departments, pack = excluded.pack,
    active = true
RETURNING session_epoch
"""


def employ(database: Database, staff: Staff) -> int:
    """Put somebody into the directory, or give them what they are now; answers the epoch of their sessions."""
    [row] = database.fetch(
        _EMPLOY, staff.user, staff.name, staff.role, staff.department, list(staff.departments), staff.pack
    )
    return int(row["session_epoch"])


def signed_in(database: Database, sessions: Sessions, staff: Staff, *, browser: bool = False) -> str:
    """The token of a member of staff who signs in."""
    epoch = employ(database, staff)
    sessions.directory.changed()
    return sessions.issue(staff.user, epoch, browser=browser)


def known(*people: Staff) -> Directory:
    """A directory without a database."""

    async def load() -> View:
        return View.of(
            Member(user=one.user, name=one.name, role=one.role, department=one.department, departments=one.departments)
            for one in people
        )

    return Directory(load)
