"""Looks one complaint up in the four schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from deploy.database import operator_connection
from deploy.stack.errors import StackError
from shared.events.reference import BadReference, parse_reference
from shared.runtime.pg import load_queries

Q = load_queries("deploy.where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a complaint is. `case` has more than the contract of `--json`, for people."""

    case: Mapping[str, Any]
    clocks: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]

    @property
    def trace_id(self) -> str | None:
        """The trace that began with the request that filed it."""
        if self.case["trace_id"]:
            return str(self.case["trace_id"])
        parts = str(self.case["clock_trace"] or "").split("-")
        return parts[1] if len(parts) == 4 else None

    @property
    def why(self) -> str | None:
        """The reason for the owner, in the customer's language."""
        why = self.case[f"why_{self.case['language']}"]
        return None if why is None else str(why)

    def as_json(self) -> dict[str, Any]:
        """The contract of `redress where REFERENCE --json`."""
        return {
            "reference": self.case["reference"],
            "complaint_id": str(self.case["complaint_id"]),
            "state": self.case["state"] or self.case["told_state"],
            "owner": self.case["department"],
            "why": self.why,
            "clocks": [
                {"kind": clock["kind"], "due_at": _moment(clock["due_at"]), "state": clock["state"]}
                for clock in self.clocks
            ],
            "notices": [
                {
                    "kind": notice["kind"],
                    "channel": notice["channel"],
                    "state": notice["state"],
                    "at": _moment(notice["at"]),
                    "reason": notice["reason"],
                }
                for notice in self.notices
            ],
            "trace_id": self.trace_id,
        }


async def look_up(dsn: str, text: str) -> Found:
    """Find a complaint by its reference, in any case or spacing, or by its id.

    Raises:
        StackError: it is neither, or there is no such complaint, or Postgres does not answer.
    """
    complaint_id, reference = read_name(text)
    async with operator_connection(dsn) as connection:
        row = await connection.fetchrow(Q.find, complaint_id, reference)
        if row is None:
            raise StackError(f"There is no complaint {reference or complaint_id}", "Check it with the customer")
        clocks = await connection.fetch(Q.clocks, row["complaint_id"])
        notices = await connection.fetch(Q.notices, row["complaint_id"])
    return Found(case=dict(row), clocks=_plain(clocks), notices=_plain(notices))


def read_name(text: str) -> tuple[UUID | None, str | None]:
    """The complaint id or the reference that was typed.

    Raises:
        StackError: it is neither.
    """
    try:
        return UUID(text.strip()), None
    except ValueError:
        pass
    try:
        return None, parse_reference(text)
    except BadReference as error:
        raise StackError(f"{text!r} is no reference: {error}", "Read it back to the customer, or give the id") from None


def _plain(rows: Sequence[asyncpg.Record]) -> list[Mapping[str, Any]]:
    return [dict(row) for row in rows]


def _moment(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
