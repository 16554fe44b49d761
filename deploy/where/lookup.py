"""Looks one complaint up in the four schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from deploy.database import Connection, operator_connection
from deploy.stack.errors import StackError
from deploy.where.places import Position, places_of, unready
from deploy.where.standstill import READER_OF_SUBMISSIONS, Facts, Place, Standstill, why_it_stands
from shared.events.reference import ALPHABET, BadReference, parse_reference
from shared.runtime.outbox import key_of
from shared.runtime.pg import load_queries

Q = load_queries("deploy.where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a complaint is. `case` has more than the contract of `--json`, for people."""

    case: Mapping[str, Any]
    clocks: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]
    outbox: Sequence[Mapping[str, Any]] = ()
    letters: Sequence[Mapping[str, Any]] = ()
    positions: Mapping[Position, int] = field(default_factory=dict)
    waits: Sequence[Standstill] = ()

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
            "waits": [reason.as_json() for reason in self.waits],
        }


async def look_up(dsn: str, text: str) -> Found:
    """Find a complaint by its reference, in any case or spacing, by a part of it that no other has, or by its id.

    Raises:
        StackError: it is none of these, or there is no such complaint, or Postgres does not answer.
    """
    async with operator_connection(dsn) as connection:
        complaint_id, reference = await _named(connection, text)
        row = await connection.fetchrow(Q.find, complaint_id, reference)
        if row is None:
            raise StackError(f"There is no complaint {reference or complaint_id}", "Check it with the customer")
        key = key_of(row["complaint_id"])
        return Found(
            case=dict(row),
            clocks=_plain(await connection.fetch(Q.clocks, row["complaint_id"])),
            notices=_plain(await connection.fetch(Q.notices, row["complaint_id"])),
            outbox=_plain(await connection.fetch(Q.outbox, key)),
            letters=_plain(await connection.fetch(Q.letters, key)),
            positions={
                (row["topic"], row["consumer"], row["partition"]): row["next_offset"]
                for row in await connection.fetch(Q.positions)
            },
        )


async def explain(found: Found, kafka: str, services: Mapping[str, str]) -> Found:
    """Add why it stands still; Kafka and the services are asked only when something is missing.

    Args:
        services: name → address of each service.
    """
    missing = missing_readings(found.case)
    places: list[Place] | None = []
    away: dict[str, str] = {}
    asked = bool(missing or found.outbox)
    if asked:
        concerned = {service for _, service in missing} | {row["service"] for row in found.outbox}
        places, away = await asyncio.gather(
            places_of(kafka, found.case["complaint_id"], missing, found.positions),
            unready({name: address for name, address in services.items() if name in concerned}),
        )
    facts = Facts(
        now=found.case["now"],
        case=found.case,
        clocks=found.clocks,
        notices=found.notices,
        outbox=found.outbox,
        letters=found.letters,
        places=places or (),
        kafka=places is not None if asked else None,
        unready=away,
    )
    return replace(found, waits=tuple(why_it_stands(facts)))


def missing_readings(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Topic and reader where the reader may not have all of a complaint's records. Not every event has every reader."""
    missing = {
        READER_OF_SUBMISSIONS: case["state"] is None and case["told_state"] != "withdrawn",
        ("complaints.routing", "sla"): case["state"] is not None and not case["has_clocks"],
        ("complaints.sla", "router"): (case["clock_version"] or 0) < (case["sla_version"] or 0),
        ("complaints.intake", "notifier"): not case["notifier_told"],
        ("complaints.routing", "notifier"): case["notifier_router"] < (case["router_version"] or 0),
        ("complaints.sla", "notifier"): case["notifier_sla"] < (case["sla_version"] or 0),
    }
    return [pair for pair, is_missing in missing.items() if is_missing]


async def _named(connection: Connection, text: str) -> tuple[UUID | None, str | None]:
    part = _part_of_a_reference(text)
    if part is None:
        return read_name(text)
    found = [row["reference"] for row in await connection.fetch(Q.by_part, part)]
    if len(found) == 1:
        return None, str(found[0])
    if found:
        some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise StackError(f"{text!r} stands in several references: {some}", "Say more of it")
    raise StackError(f"There is no complaint with {text!r} in its reference", "Check it with the customer")


def _part_of_a_reference(text: str) -> str | None:
    """Three to seven characters that can stand in a reference; None when it is something else."""
    plain = "".join(text.upper().split()).replace("-", "")
    plain = plain.removeprefix("R") if text.strip().upper().startswith("R-") else plain
    return plain if 3 <= len(plain) <= 7 and set(plain) <= set(ALPHABET) else None


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
