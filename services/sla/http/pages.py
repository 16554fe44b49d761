"""The board, and the page that explains a date day by day."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.sla.domain.clocks import Clock
from services.sla.domain.explanation import Day, day_by_day
from services.sla.domain.measures import WALL
from services.sla.http.models import Board, BoardCase
from services.sla.http.views import CaseView, Views, trace_id_of
from shared.runtime.web import language as languages
from shared.runtime.web import moments
from shared.runtime.web.look import Look
from shared.runtime.web.sessions import Staff, current_staff
from shared.runtime.web.texts import Language

SAVE_FIRST = 5
SignedIn = Annotated[Staff, Depends(current_staff)]
_COLUMNS = ("reference", "department", "clock", "due_at", "late", "priority", "category", "stage", "received_at")


class Pages:
    """Renders."""

    def __init__(self, views: Views, look: Look) -> None:
        self._views = views
        self._look = look

    async def board(self, request: Request, staff: Staff) -> Response:
        """What is late or at risk; the list alone when an open board asks."""
        after = request.query_params.get("after", "")[:120]
        board = await self._views.board(staff, request.query_params.get("department") or None, after)
        spoken = languages.of(request)
        alone = "hx-request" in request.headers
        return self._look.render(
            request,
            "board_list.html" if alone else "board.html",
            board=board,
            late=[case for case in board.cases if case.late],
            at_risk=[case for case in board.cases if not case.late],
            save_first=0 if after else SAVE_FIRST,
            totals=_totals(board),
            here_list=_address(board.department, after),
            first_page=_address(board.department) if after else None,
            next_page=_address(board.department, board.after) if board.after else None,
            departments=[(one.department, self._department(one.department, spoken)) for one in board.counts],
            name=lambda department: self._department(department, spoken),
            query=f"?department={board.department}" if board.department else "",
            now=board.now,
        )

    async def board_csv(self, request: Request, staff: Staff) -> Response:
        """The whole board for a spreadsheet, page after page as it is sent."""
        pages = self._views.boards(staff, request.query_params.get("department") or None)
        first = await anext(pages)
        self._views.exported(staff, first.department)

        async def lines() -> AsyncIterator[bytes]:
            yield _csv(first.cases, head=True)
            async for board in pages:
                yield _csv(board.cases, head=False)

        headers = {"Content-Disposition": 'attachment; filename="board.csv"', "Cache-Control": "no-store"}
        return StreamingResponse(lines(), headers=headers, media_type="text/csv; charset=utf-8")

    async def clocks(self, request: Request, reference: str, staff: Staff) -> Response:
        """Why each date of a complaint is what it is."""
        view = await self._views.case(reference, staff)
        spoken = languages.of(request)
        rules, terms = view.case.rules, view.life.terms
        zone = rules.calendars[terms.calendar].zone if rules and terms else self._look.zone
        clocks = view.clocks
        return self._look.render(
            request,
            "clocks.html",
            view=view,
            case=view.case,
            life=view.life,
            live=[clock for clock in clocks if clock.state != "stopped"],
            ended=[clock for clock in clocks if clock.state == "stopped"],
            days=lambda clock: _days(view, clock),
            name=lambda department: self._department(department, spoken),
            hours_of=lambda clock: self._calendar(view, clock, spoken),
            length=lambda length: _length(length, spoken),
            no_time=timedelta(),
            day_of=lambda one: moments.day(_noon(one, zone), view.now, zone, spoken),
            clock_time=lambda at: at.astimezone(zone).strftime("%H:%M"),
            policy=terms.policy.name.in_(spoken) if terms else None,
            trace_id=trace_id_of(view.trace),
            now=view.now,
            tz=zone,
        )

    def _department(self, department: str | None, spoken: Language) -> str:
        if department is None:
            return "—"
        try:
            return self._views.packs.department(department).name.in_(spoken)
        except KeyError:
            return department

    def _calendar(self, view: CaseView, clock: Clock, spoken: Language) -> str | None:
        """The name of the hours a clock counts by; none for the clock on the wall."""
        if clock.budget.calendar == WALL:
            return None
        pack = self._views.packs.by_name.get(view.case.rules.pack if view.case.rules else "")
        known = pack.calendars.get(clock.budget.calendar) if pack else None
        return known.name.in_(spoken) if known else clock.budget.calendar


def _days(view: CaseView, clock: Clock) -> list[Day]:
    rules = view.case.rules
    if rules is None or clock.budget.calendar == WALL:
        return []
    until: datetime = max(clock.deadline, clock.paused_at or clock.deadline)
    return list(day_by_day(clock, rules.calendars[clock.budget.calendar], until))


def _noon(one: Day, zone: ZoneInfo) -> datetime:
    return datetime.combine(one.day, time(12), zone)


def _length(length: timedelta, spoken: Language) -> str:
    """Hours and minutes: a budget of forty hours is not one day and sixteen hours of somebody's work."""
    minutes = round(length.total_seconds() / 60)
    hours, rest = divmod(minutes, 60)
    h, m = (" 小时", " 分钟") if spoken == "zh" else (" h", " min")
    parts = [f"{hours}{h}"] if hours else []
    if rest or not hours:
        parts.append(f"{rest}{m}")
    return " ".join(parts)


def _totals(board: Board) -> dict[str, int]:
    counts = [one for one in board.counts if board.department in (None, one.department)]
    return {"late": sum(one.late for one in counts), "at_risk": sum(one.at_risk for one in counts)}


def _address(department: str | None, after: str | None = None) -> str:
    wished = {name: value for name, value in (("department", department), ("after", after)) if value}
    return f"/board?{urlencode(wished)}" if wished else "/board"


def _csv(cases: list[BoardCase], *, head: bool) -> bytes:
    """RFC 4180; with a byte-order mark and the columns where it begins. All values are codes, numbers and instants, so none
    can be a formula.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    if head:
        writer.writerow(_COLUMNS)
    for case in cases:
        cells: dict[str, Any] = case.model_dump(mode="json")
        writer.writerow(["" if cells[column] is None else cells[column] for column in _COLUMNS])
    return (b"\xef\xbb\xbf" if head else b"") + out.getvalue().encode()


def make_pages(views: Views, look: Look) -> APIRouter:
    """The routes of the pages."""
    pages = Pages(views, look)
    router = APIRouter(include_in_schema=False)

    @router.get("/board")
    async def board(request: Request, staff: SignedIn) -> Response:
        return await pages.board(request, staff)

    @router.get("/board.csv")
    async def board_csv(request: Request, staff: SignedIn) -> Response:
        return await pages.board_csv(request, staff)

    @router.get("/cases/{reference}/clocks")
    async def clocks(request: Request, reference: str, staff: SignedIn) -> Response:
        return await pages.clocks(request, reference, staff)

    return router
