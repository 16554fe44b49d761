"""Reading: one complaint's clocks, and the board. Nothing here changes anything."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.sla.domain.case import Case
from services.sla.domain.clocks import Clock
from services.sla.domain.ledger import Line, ledger
from services.sla.domain.levels import Level, levels_of, next_due
from services.sla.domain.life import Life
from services.sla.http import models
from services.sla.store import QUERIES, Rulebook
from services.sla.store.rows import stored_of
from shared.events.reference import BadReference, parse_reference
from shared.policies.calendars import is_beyond
from shared.policies.packs import Packs
from shared.policies.watching import PolicySource
from shared.rights import Action, may
from shared.runtime.pg import Database
from shared.runtime.security_log import Kind, SecurityLog
from shared.runtime.web.persons import person_of, standing_in
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import Staff

FIRST = 200
"""Rows of a page of the board, and of one query of its export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One complaint as read: what the JSON and the page are both made of."""

    case: Case
    life: Life
    now: datetime
    trace: str | None
    fired: dict[tuple[str, int, str], Any]

    @property
    def clocks(self) -> list[Clock]:
        """The clocks: those that run first, by date; then the paused; then the ended, the latest first."""
        order = {"running": 0, "paused": 1, "stopped": 2}

        def place(clock: Clock) -> tuple[int, float]:
            moment = (clock.stopped_at or clock.deadline).timestamp()
            return order[clock.state], -moment if clock.state == "stopped" else moment

        return sorted(self.life.clocks.values(), key=place)

    def provisional(self, clock: Clock) -> bool:
        """Whether a clock's date lies beyond the holidays that are known."""
        calendar = self.case.rules.calendars.get(clock.budget.calendar) if self.case.rules else None
        return calendar is not None and is_beyond(calendar.spec.known_until, clock.deadline, calendar.zone)

    @property
    def lines(self) -> list[Line]:
        """The time ledger."""
        return [] if self.case.rules is None else list(ledger(self.life, self.case.rules, self.now))

    def levels(self, clock: Clock) -> list[models.LevelView]:
        """What a clock has said and will say."""
        key = clock.kind, clock.epoch
        known = {level.name: level for level in self._levels(clock)}
        past = [(name, row) for (kind, epoch, name), row in self.fired.items() if (kind, epoch) == key]
        views = [_level_view(level, self.fired.get(level.key)) for level in known.values()]
        views += [_fired_view(name, row) for name, row in past if name not in known]
        return sorted(views, key=lambda view: view.at)

    def _levels(self, clock: Clock) -> list[Level]:
        if self.case.rules is None:
            return []
        levels = list(levels_of(clock, self.life, self.case.rules))
        return levels if clock.state == "running" else [level for level in levels if level.key in self.fired]

    def late(self, clock: Clock) -> bool:
        """Whether a clock's date has passed."""
        return clock.outcome == "late" or (clock.state == "running" and clock.deadline <= self.now)


class Views:
    """Reads for whoever is signed in, as far as the table of rights lets them (`shared/rights.py`)."""

    def __init__(self, database: Database, book: Rulebook, policies: PolicySource, security: SecurityLog) -> None:
        self._security = security
        self._database = database
        self._book = book
        self._policies = policies

    @property
    def packs(self) -> Packs:
        """The policies in force, for names."""
        return self._policies.packs

    def departments(self, staff: Staff) -> list[str]:
        """The departments whose dates stand on a member of staff's board."""
        person = person_of(staff, self.packs)
        found = [
            department
            for name, pack in self.packs.by_name.items()
            for department in pack.departments
            if may(person, Action.LIST, standing_in(self.packs, name, department))
        ]
        if not found:
            raise Problem(403, "not-allowed")
        return found

    async def case(self, reference: str, staff: Staff) -> CaseView:
        """One complaint.

        Raises:
            Problem: 404 when there is none of that reference, or none that they may see.
        """
        try:
            canonical = parse_reference(reference)
        except BadReference:
            raise Problem(404, "not-found") from None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(QUERIES.find_case, canonical)
            if row is None or not self._may_see(row, staff):
                raise Problem(404, "not-found")
            keys = [(row["rules_pack"], row["rules_version"])] if row["rules_version"] else []
            stored = stored_of(row, await self._book.promised(connection, keys))
            fired = await connection.fetch(QUERIES.fired_of, row["complaint_id"])
        return CaseView(
            case=stored.case,
            life=stored.case.life,
            now=row["now"],
            trace=stored.trace,
            fired={(f["clock"], f["epoch"], f["level"]): f for f in fired},
        )

    def _may_see(self, row: Any, staff: Staff) -> bool:
        if row["pack"] is None and row["department"] is None:
            return True  # nothing is known of it yet but that it is there
        person, case = person_of(staff, self.packs), standing_in(self.packs, row["pack"], row["department"])
        if seen := may(person, Action.CLOCKS, case):
            self._security.viewed(person, row["reference"], "clocks")
        return seen

    def exported(self, staff: Staff, department: str | None) -> None:
        """Somebody takes the board away."""
        self._security.note_of(Kind.EXPORTED, person_of(staff, self.packs), what="board", department=department)

    async def board(self, staff: Staff, department: str | None, after: str | None = None) -> models.Board:
        """A page of what is late or at risk in one department, or in all a member of staff may see.

        Args:
            staff: who asks.
            department: the only one, or none.
            after: of the page before; what is no place is the beginning.

        Raises:
            Problem: 404 for a department they may not see.
        """
        visible = self.departments(staff)
        if department is not None and department not in visible:
            raise Problem(404, "not-found")
        async with self._database.connection() as connection:
            now = await connection.fetchval(QUERIES.now)
            counts = await connection.fetch(QUERIES.board_counts, visible, now)
            scope = [department] if department else visible
            rows = await connection.fetch(QUERIES.board, scope, now, FIRST + 1, *_place_of(after))
        more, rows = len(rows) > FIRST, rows[:FIRST]
        told = {row["department"]: row for row in counts}
        return models.Board(
            now=now,
            department=department,
            counts=[
                models.BoardCount(
                    department=one, at_risk=told[one]["at_risk"] - told[one]["late"], late=told[one]["late"]
                )
                for one in visible
            ],
            cases=[_board_case(row, now) for row in rows],
            after=f"{rows[-1]['due_at'].isoformat()}~{rows[-1]['reference']}" if more else None,
        )

    async def boards(self, staff: Staff, department: str | None) -> AsyncIterator[models.Board]:
        """All pages of the board, one after the other."""
        board = await self.board(staff, department)
        yield board
        while board.after is not None:
            board = await self.board(staff, department, board.after)
            yield board


def _place_of(after: str | None) -> tuple[datetime | None, str | None]:
    due, _, reference = (after or "").partition("~")
    try:
        return datetime.fromisoformat(due).astimezone(UTC), parse_reference(reference)
    except (ValueError, OverflowError, BadReference):
        return None, None


def case_json(view: CaseView) -> models.CaseClocks:
    """One complaint for programs."""
    case, life = view.case, view.life
    head, rules, terms = life.head, case.rules, life.terms
    due = None if rules is None else next_due(life, rules, case.fired)
    lines = [
        models.LedgerLine(
            party=line.party,
            department=line.department,
            epoch=line.epoch,
            since=line.since,
            until=line.until,
            seconds=line.total.total_seconds(),
            open_seconds=line.open.total_seconds(),
            closed_seconds=line.closed.total_seconds(),
        )
        for line in view.lines
    ]
    whole = sum((line.total for line in view.lines), timedelta())
    return models.CaseClocks(
        reference=case.reference,
        complaint_id=case.complaint_id,
        now=view.now,
        phase=life.phase,
        department=head.department if head else None,
        stage=head.stage if head else None,
        priority=head.priority if head else None,
        category=head.category if head else None,
        received_at=head.received_at if head else None,
        closed_at=life.closed_at,
        policy=models.PolicyView(id=terms.policy.id, pack=rules.pack, version=rules.version, calendar=terms.calendar)
        if rules and terms
        else None,
        next=_level_view(due, None) if due else None,
        clocks=[_clock_view(view, clock) for clock in view.clocks],
        ledger=models.LedgerView(journey_seconds=whole.total_seconds(), lines=lines),
    )


def _clock_view(view: CaseView, clock: Clock) -> models.ClockView:
    still = [(since, until) for since, until in clock.pauses]
    pauses = [models.PauseView(since=since, until=until) for since, until in still]
    if clock.paused_at is not None:
        pauses.append(models.PauseView(since=clock.paused_at, until=clock.stopped_at))
    return models.ClockView(
        kind=clock.kind,
        epoch=clock.epoch,
        state=clock.state,
        started_at=clock.started_at,
        due_at=None if clock.state == "paused" else clock.deadline,
        stopped_at=clock.stopped_at,
        outcome=clock.outcome,
        late=view.late(clock),
        provisional=view.provisional(clock),
        counts_by=clock.budget.calendar,
        total_seconds=clock.budget.total.total_seconds(),
        used_seconds=clock.used(view.now).total_seconds(),
        pauses=pauses,
        levels=view.levels(clock),
    )


def _level_view(level: Level, row: Any) -> models.LevelView:
    fired = (
        {} if row is None else {"fired_at": row["fired_at"], "late": row["late"], "said": row["event_id"] is not None}
    )
    return models.LevelView(level=level.name, action=level.action, at=level.at, to=level.to, **fired)


def _fired_view(name: str, row: Any) -> models.LevelView:
    """What fired under rules or an owner that no longer hold."""
    action = {"delay": "delay", "breach": "breach"}.get(name) or ("warn" if name.startswith("warn") else "escalate")
    return models.LevelView.model_validate(
        {
            "level": name,
            "action": action,
            "at": row["due_at"],
            "fired_at": row["fired_at"],
            "late": row["late"],
            "said": row["event_id"] is not None,
        }
    )


def _board_case(row: Any, now: datetime) -> models.BoardCase:
    return models.BoardCase(
        reference=row["reference"],
        department=row["department"],
        clock=row["due_clock"],
        due_at=row["due_at"],
        late=row["due_at"] <= now,
        priority=row["priority"],
        category=row["category"],
        stage=row["stage"],
        received_at=row["received_at"],
        trace_id=trace_id_of(row["trace"]),
    )


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id in a W3C `traceparent`."""
    return traceparent[3:35] if traceparent and len(traceparent) >= 55 else None
