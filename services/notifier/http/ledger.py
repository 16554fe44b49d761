"""`/ledger` and its JSON: what was said to whom, and whether it arrived; for staff."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from services.notifier.domain.compose import department_name
from services.notifier.domain.journey import Journey
from services.notifier.http import models
from services.notifier.store import reading
from services.notifier.store.reading import Reach, Sent, Trouble, Troubles
from shared.events.reference import BadReference, parse_reference
from shared.policies import Packs
from shared.policies.watching import PolicySource
from shared.rights import Action, Standing, may
from shared.runtime.pg import Database
from shared.runtime.security_log import Kind, SecurityLog
from shared.runtime.web import language as languages
from shared.runtime.web.look import Look
from shared.runtime.web.openapi import refusals, security
from shared.runtime.web.persons import person_of, standing_in
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import Staff, current_staff
from shared.runtime.web.texts import Text

Wish = Literal["", "failed", "unknown", "waiting"]
_LIMIT = 200
_NO_STORE = {"Cache-Control": "no-store"}
_SHAPES = {
    "sent": "settled",
    "failed": "late",
    "unknown": "soon",
    "suppressed": "plain",
    "pending": "running",
    "leased": "running",
    "sending": "running",
}
_NO_CASE = Text(zh="没有这个投诉编号", en="There is no such case")
_CHECK_IT = Text(zh="请核对编号，例如 R-4K7M-2XA9。", en="Please check the reference, such as R-4K7M-2XA9.")
_NOT_YOURS = Text(zh="这件投诉不归您的部门", en="This is not your department's case")
_COLUMNS = ("reference", "department", "kind", "channel", "state", "reason", "at", "attempts", "message_id")


class Ledger:
    """Reads the ledger as far as a member of staff may see it."""

    def __init__(self, database: Database, policies: PolicySource, look: Look, security: SecurityLog) -> None:
        self._security = security
        self._database = database
        self._policies = policies
        self._look = look

    @property
    def packs(self) -> Packs:
        """The packs in force."""
        return self._policies.packs

    def reach(self, staff: Staff) -> Reach:
        """Whose notices stand in somebody's list: operators' all, a lead's and the office's of the pack, others' of their own."""
        person = person_of(staff, self.packs)
        if may(person, Action.LIST, Standing(pack=None, owner=None)):
            return Reach(pack=None, departments=None)
        everywhere = may(person, Action.LIST, standing_in(self.packs, person.pack, None))
        return Reach(pack=person.pack or "", departments=None if everywhere else tuple(sorted(person.theirs)))

    async def of_case(self, staff: Staff, typed: str) -> tuple[Journey, tuple[Sent, ...]]:
        """The notices of one case.

        Raises:
            Problem: 404 no such case, 403 not theirs.
        """
        try:
            journey = await reading.find_by_reference(self._database, parse_reference(typed))
        except BadReference:
            journey = None
        if journey is None:
            raise Problem(404, "not-found", title=_NO_CASE, detail=_CHECK_IT)
        person, case = person_of(staff, self.packs), standing_in(self.packs, journey.pack, journey.department)
        if not may(person, Action.NOTICES, case):
            raise Problem(403, "not-yours", title=_NOT_YOURS)
        self._security.viewed(person, journey.reference, "notices")
        return journey, await reading.notices_of(self._database, journey.complaint_id)

    async def rows(self, staff: Staff, typed: str, state: Wish, after: str | None = None) -> Troubles:
        """The lines to show: of one case, or a page of those in trouble."""
        if typed:
            journey, found = await self.of_case(staff, typed)
            rows = tuple(
                Trouble(sent=sent, reference=journey.reference, department=journey.department)
                for sent in found
                if not state or sent.state == state or (state == "waiting" and sent.next_at is not None)
            )
            return Troubles(rows=rows, total=len(rows))
        return await reading.troubles(self._database, state, self.reach(staff), _LIMIT, after)

    async def csv(self, staff: Staff, typed: str, state: Wish) -> Response:
        """All lines for a spreadsheet, page after page as they are sent."""
        first = await self.rows(staff, typed, state)
        self._security.note_of(Kind.EXPORTED, person_of(staff, self.packs), what="notices", state=state)

        async def lines() -> AsyncIterator[str]:
            page, head = first, True
            while True:
                yield _csv(page.rows, head=head)
                if page.after is None:
                    return
                page, head = await self.rows(staff, typed, state, page.after), False

        headers = {**_NO_STORE, "Content-Disposition": 'attachment; filename="notices.csv"'}
        return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)

    async def page(self, request: Request, staff: Staff, typed: str, state: Wish, after: str) -> Response:
        """The page; a reference that is none is said above an empty list."""
        wrong = ""
        try:
            found = await self.rows(staff, typed, state, after)
        except Problem as problem:
            found = Troubles(rows=(), total=0)
            wrong = problem.said("title", self._look.texts, languages.of(request)) or problem.code
        rows, spoken = found.rows, languages.of(request)
        names = {row.department: department_name(self.packs, row.department, spoken) for row in rows}
        return self._look.render(
            request,
            "ledger.html",
            rows=rows,
            names=names,
            shapes=_SHAPES,
            typed=typed,
            state=state,
            wrong=wrong,
            total=found.total,
            first_page=_address(state) if after else None,
            next_page=_address(state, found.after) if found.after else None,
            status=404 if wrong else 200,
        )


def make_ledger(ledger: Ledger) -> APIRouter:
    """The page, its CSV, and the JSON of one case."""
    api = APIRouter(tags=["staff"])
    Signed = Annotated[Staff, Depends(current_staff)]  # noqa: N806  a type of this function
    Typed = Annotated[str, Query(max_length=40)]  # noqa: N806

    @api.get("/ledger", include_in_schema=False)
    async def page(
        request: Request,
        staff: Signed,
        reference: Typed = "",
        state: Wish = "",
        after: Annotated[str, Query(max_length=120)] = "",
    ) -> Response:
        return await ledger.page(request, staff, reference.strip(), state, after)

    @api.get("/ledger.csv", include_in_schema=False)
    async def table(staff: Signed, reference: Typed = "", state: Wish = "") -> Response:
        return await ledger.csv(staff, reference.strip(), state)

    @api.get(
        "/v1/cases/{reference}/notices",
        summary="Every message of a case, and what became of it",
        operation_id="case_notices",
        response_model=models.Notices,
        responses=refusals("not-yours"),
        openapi_extra=security("staffToken", "staffSession"),
    )
    async def notices(reference: str, staff: Signed) -> JSONResponse:
        """States: pending, leased, sending, sent, failed, suppressed, unknown. No address and no text."""
        journey, found = await ledger.of_case(staff, reference)
        document = {
            "reference": journey.reference,
            "complaint_id": str(journey.complaint_id),
            "notices": [_document(sent) for sent in found],
        }
        return JSONResponse(document, headers=_NO_STORE)

    return api


def _document(sent: Sent) -> dict[str, Any]:
    return {
        "notice_id": str(sent.notice_id),
        "kind": sent.kind,
        "channel": sent.channel,
        "state": sent.state,
        "at": sent.at.isoformat(),
        "created_at": sent.created_at.isoformat(),
        "next_try_at": sent.next_at.isoformat() if sent.next_at else None,
        "reason": sent.reason,
        "attempts": sent.attempts,
        "resends": sent.resends,
        "message_id": sent.message_id,
        "cause_id": str(sent.cause_id),
        "trace_id": sent.traceparent[3:35] if sent.traceparent else None,
    }


def _address(state: str, after: str | None = None) -> str:
    wished = {name: value for name, value in (("state", state), ("after", after)) if value}
    return f"/ledger?{urlencode(wished)}" if wished else "/ledger"


def _csv(rows: tuple[Trouble, ...], *, head: bool) -> str:
    """RFC 4180. Every cell is a code, a time or an id of ours; none can start a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    if head:
        writer.writerow(_COLUMNS)
    for row in rows:
        sent = row.sent
        cells = (row.reference, row.department, sent.kind, sent.channel, sent.state, sent.reason, sent.at.isoformat())
        writer.writerow([*(cell or "" for cell in cells), sent.attempts, sent.message_id or ""])
    return out.getvalue()
