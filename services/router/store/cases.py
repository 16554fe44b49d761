"""Loads and saves cases for the rules, a whole batch with one statement per table."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json

from services.router.domain.case import TELLING, Case, Offer, Placement, Pledge, State
from services.router.domain.clocks import Dials, next_due, packed, unpacked
from services.router.domain.story import Line
from shared.events.envelope import Bilingual, Event
from shared.events.topics import ADAPTERS
from shared.runtime.errors import safe_text
from shared.runtime.pg import Database, load_queries
from shared.runtime.transaction import Connection, Tx

QUERIES = load_queries("services.router")
log = logging.getLogger(__name__)


class Earlier(NamedTuple):
    """A complaint that was there before, as far as a repetition of it has to know it."""

    reference: str
    person_id: UUID
    pack: str


def case_of(row: Any) -> Case:
    """The case a row holds."""
    offer = row["offer"]
    by, resolution_id = row["proposal"] or (None, None)
    return Case(
        complaint_id=row["complaint_id"],
        reference=row["reference"],
        person_id=row["person_id"],
        pack=row["pack"],
        channel=row["channel"],
        language=row["language"],
        received_at=row["received_at"],
        department=row["department"],
        state=State(row["state"]),
        since=row["since"],
        placement=Placement(
            department=row["department"],
            rule=row["rule"],
            policy_version=row["policy_version"],
            why=Bilingual(zh=row["why_zh"], en=row["why_en"]),
            priority=row["priority"],
            category=row["category"],
        ),
        version=row["version"],
        epoch=row["epoch"],
        stage=row["stage"],
        transfers=row["transfers"],
        offers=row["offers"],
        owners=tuple(row["owners"]),
        declined=tuple(row["declined"]),
        contested=tuple(row["contested"]),
        about=row["about"],
        final=row["final"],
        offer=Offer(**offer) if offer else None,
        question_id=row["question_id"],
        pledge=Pledge(promise_id=row["promise_id"], due_at=row["promise_due_at"]) if row["promise_id"] else None,
        closed_how=row["closed_how"],
        confirmed=row["confirmed"],
        attention=row["attention"],
        escalated_to=row["escalated_to"],
        proposed_by=by,
        resolution_id=UUID(resolution_id) if resolution_id else None,
        contested_by=row["contested_by"],
    )


async def lock(tx: Tx, complaint_ids: Collection[UUID]) -> tuple[dict[UUID, Any], set[UUID]]:
    """Lock these complaints' cases; answers the clocks of those that are there, and for whom events wait."""
    rows = await tx.fetch(QUERIES.lock_cases, list(complaint_ids))
    return (
        {row["complaint_id"]: row for row in rows if not row["early"]},
        {row["complaint_id"] for row in rows if row["early"]},
    )


async def load(tx: Tx, complaint_ids: Collection[UUID]) -> dict[UUID, Any]:
    """The rows of these complaints' cases, locked; those not yet submitted are missing from the answer."""
    if not complaint_ids:
        return {}
    rows = await tx.fetch(QUERIES.load_cases, list(complaint_ids))
    return {row["complaint_id"]: row for row in rows}


def dials_of(row: Any) -> Dials:
    """The clocks a locked row holds."""
    return unpacked(json.loads(row["clocks"]))


async def update(tx: Tx, cases: Iterable[Case]) -> None:
    """Save what happened to cases."""
    rows = [(case.complaint_id, *_living(case)) for case in cases]
    if rows:
        await tx.execute(QUERIES.update_cases, *columns(rows))


async def update_clocks(tx: Tx, clocks: Mapping[UUID, tuple[int, Dials]]) -> None:
    """Save what sla told of clocks; `(version of sla's event, dials)` per complaint."""
    if clocks:
        await tx.execute(QUERIES.update_clocks, *columns(clock_rows(clocks)))


def clock_rows(clocks: Mapping[UUID, tuple[int, Dials]]) -> list[tuple[Any, ...]]:
    """The columns of `update_clocks`, in key order."""
    return [
        (complaint_id, version, json_of(packed(dials)), *next_due(dials))
        for complaint_id, (version, dials) in sorted(clocks.items(), key=itemgetter(0))
    ]


async def earlier(tx: Tx, references: Collection[str]) -> frozenset[Earlier]:
    """Whose complaints these references are; those that are nobody's are missing."""
    if not references:
        return frozenset()
    return frozenset(Earlier(*row) for row in await tx.fetch(QUERIES.find_earlier, list(references)))


async def mark_undelivered(tx: Tx, notices: Mapping[UUID, str | None]) -> None:
    """Remember which notice did not reach the customer; `None` takes the mark away."""
    if notices:
        await tx.execute(QUERIES.mark_undelivered, list(notices), list(notices.values()))


async def clear_noted(tx: Tx, complaint_id: UUID) -> None:
    """A note says how the customer was reached; it is not enough for a question or resolution that waits for their word."""
    await tx.execute(QUERIES.clear_noted, complaint_id, list(TELLING), [State.WAITING, State.PROPOSED])


async def is_erased(tx: Tx, complaint_id: UUID) -> bool:
    """Whether the person of a case was erased; asked when the case is locked, so that it stays true."""
    return bool(await tx.fetchval(QUERIES.is_erased, complaint_id))


async def append(tx: Tx, lines: Sequence[tuple[UUID, int, Line]]) -> None:
    """Add `(complaint, epoch, line)` to the histories."""
    if lines:
        await tx.execute(QUERIES.append_lines, *columns([line_row(*line) for line in lines]))


async def amend(tx: Tx, texts: Sequence[tuple[UUID, str]]) -> None:
    """Add to what customers told."""
    if texts:
        await tx.execute(QUERIES.amend_texts, [one[0] for one in texts], [one[1] for one in texts])


async def hold_early(tx: Tx, events: Sequence[Event]) -> None:
    """Keep events whose complaint was not submitted yet."""
    if events:
        await tx.execute(
            QUERIES.hold_early,
            [event.event_id for event in events],
            [event.complaint_id for event in events],
            [event.kind for event in events],
            [event.model_dump_json() for event in events],
        )


async def take_early(tx: Tx, complaint_ids: Collection[UUID]) -> list[Event]:
    """Take out the events that waited for these complaints, in the order they were made. What cannot be read stays."""
    if not complaint_ids:
        return []
    events: list[Event] = []
    for row in await tx.fetch(QUERIES.early_of, list(complaint_ids)):
        try:
            events.append(ADAPTERS[row["type"]].validate_json(row["payload"]))
        except (KeyError, ValueError) as error:
            extra = {
                "action": "held_unreadable",
                "complaint_id": str(row["complaint_id"]),
                "event_id": str(row["event_id"]),
                "error": safe_text(error),
            }
            log.error("a held event cannot be read, it stays held", extra=extra)
    if events:
        await tx.execute(QUERIES.forget_early, [event.event_id for event in events])
    return events


async def overtaken(db: Database) -> list[UUID]:
    """Complaints that are there although events of theirs are held."""
    return [row["complaint_id"] for row in await db.fetch(QUERIES.overtaken)]


async def erase(tx: Tx, person_ids: Collection[UUID]) -> None:
    """Blank everything that is held in clear of these persons."""
    rows = await tx.fetch(QUERIES.complaints_of_persons, list(person_ids))
    ids = [row["complaint_id"] for row in rows]
    if ids:
        await tx.execute(QUERIES.erase_texts, ids)
        await tx.execute(QUERIES.erase_lines, ids)
        await tx.execute(QUERIES.erase_offers, ids)


async def index_words(tx: Connection, vector_of: Callable[[str, str], str], limit: int) -> int:
    """Make up to `limit` rows searchable; answers how many there were."""
    return await _index(tx, await tx.fetch(QUERIES.unindexed, limit), vector_of)


async def index_one(tx: Connection, vector_of: Callable[[str, str], str], complaint_id: UUID) -> int:
    """The same for one row, when they are worked off one by one."""
    return await _index(tx, await tx.fetch(QUERIES.unindexed_one, complaint_id), vector_of)


async def unindexable(db: Database, limit: int) -> list[UUID]:
    """The rows that wait to be made searchable, without their words."""
    return [row["complaint_id"] for row in await db.fetch(QUERIES.unindexable, limit)]


async def give_up_indexing(db: Database, complaint_id: UUID) -> None:
    """Leave a row unsearchable until something is added to it."""
    await db.execute(QUERIES.give_up_indexing, complaint_id)


async def _index(tx: Connection, rows: Sequence[Any], vector_of: Callable[[str, str], str]) -> int:
    if rows:
        vectors = [vector_of(row["title"], row["body"]) for row in rows]
        await tx.execute(QUERIES.index_words, [row["complaint_id"] for row in rows], vectors)
    return len(rows)


def _living(case: Case) -> tuple[Any, ...]:
    """What changes: the columns of `update_cases` behind the id."""
    placement, offer, pledge = case.placement, case.offer, case.pledge
    return (
        case.department,
        case.state.value,
        case.since,
        case.version,
        case.epoch,
        case.stage,
        case.transfers,
        case.offers,
        ",".join(case.owners),
        ",".join(case.declined),
        ",".join(case.contested),
        case.final,
        case.offered_to,
        {"to": offer.to, "reason": offer.reason, "wanted": offer.wanted, "arbitration": offer.arbitration}
        if offer
        else None,
        case.question_id,
        pledge.promise_id if pledge else None,
        pledge.due_at if pledge else None,
        case.closed_how,
        case.confirmed,
        case.attention,
        case.escalated_to,
        placement.priority,
        placement.category,
        placement.rule,
        placement.policy_version,
        placement.why.zh,
        placement.why.en,
    )


def line_row(complaint_id: UUID, epoch: int, line: Line) -> tuple[Any, ...]:
    """The columns of `case_event`."""
    detail = json_of(line.detail) if line.detail else None
    return (complaint_id, line.event_id, line.at, line.what, line.who, line.department, epoch, line.text, detail)


def json_of(value: Any) -> str:
    """The JSON of a value, moments included; three times as fast as the standard library."""
    return to_json(value).decode()


def columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as the arrays of a statement."""
    return list(zip(*rows, strict=True))
