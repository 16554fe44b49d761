"""The clocks as JSON, for staff and their programs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.sla.http.models import Board, CaseClocks
from services.sla.http.views import Views, case_json
from shared.runtime.web.openapi import refusals, security
from shared.runtime.web.sessions import Staff, current_staff

_SIGNED = security("staffToken", "staffSession")
SignedIn = Annotated[Staff, Depends(current_staff)]


def make_api(views: Views) -> APIRouter:
    """The routes below `/v1`."""
    api = APIRouter(prefix="/v1", tags=["deadlines"])

    @api.get(
        "/cases/{reference}/clocks",
        summary="All clocks of one complaint",
        operation_id="case_clocks",
        openapi_extra=_SIGNED,
    )
    async def clocks(reference: str, staff: SignedIn) -> CaseClocks:
        """Every clock with its levels, the time ledger, and what fires next. 404 for an unknown reference."""
        return case_json(await views.case(reference, staff))

    @api.get(
        "/board",
        summary="What is late or at risk",
        operation_id="board",
        responses=refusals("not-found"),
        openapi_extra=_SIGNED,
    )
    async def board(
        staff: SignedIn,
        department: Annotated[str | None, Query(max_length=64)] = None,
        after: Annotated[str | None, Query(max_length=120)] = None,
    ) -> Board:
        """The nearest date first, 200 complaints a page; counts per department. 404 for a department of others."""
        return await views.board(staff, department or None, after)

    return api
