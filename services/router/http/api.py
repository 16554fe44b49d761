"""The staff API: JSON, cookie or bearer token, problem details."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.router.domain.case import State
from services.router.domain.rights import Action, Actor, Role
from services.router.http import bodies, models, views
from services.router.http.office import Office, canonical, is_reference
from services.router.http.signing import Signing
from services.router.store.reading import CaseReading, View, Wish
from shared.problems import STATES
from shared.runtime import once
from shared.runtime.web.media import JsonRoute
from shared.runtime.web.openapi import refusals, security

_NO_STORE = {"Cache-Control": "no-store"}
KeyHeader = Annotated[
    str | None,
    Header(
        alias=once.HEADER,
        description="A new UUID for each command, and the same one when it is sent again: it acts once, and the answer "
        "is the same, marked with `Idempotent-Replayed: true`. Without it two equal commands are two",
        json_schema_extra={"format": "uuid"},
    ),
]
_SIGNED = security("staffToken", "staffSession")
_REFUSED = (
    "idempotency-key-missing", "idempotency-key-reused", "in-progress", "not-yours", "own-resolution",
    "resolution-disputed", "invalid", "unknown-department", "due-in-past", "due-too-far", *STATES,
)  # fmt: skip


def make_api(office: Office, signing: Signing) -> APIRouter:
    """The routes below `/v1`."""
    api = APIRouter(prefix="/v1", tags=["staff"], route_class=JsonRoute)
    Signed = Annotated[Actor, Depends(office.actor)]  # noqa: N806  a type of this function

    @api.post(
        "/sign-in",
        summary="Sign in: a token for eight hours",
        operation_id="sign_in",
        response_model=models.Token,
        responses=refusals("wrong-password"),
    )
    async def sign_in(request: Request, body: bodies.SignIn) -> JSONResponse:
        """The token goes into `Authorization: Bearer`."""
        return JSONResponse(await signing.token(request, body.user, body.password), headers=_NO_STORE)

    @api.get(
        "/departments",
        summary="The departments of my pack",
        operation_id="departments",
        response_model=models.Departments,
        openapi_extra=_SIGNED,
    )
    async def departments(actor: Signed) -> JSONResponse:
        """With their names, duties and kinds."""
        found = [
            {
                "id": department.id,
                "pack": pack,
                "kind": department.kind,
                "name": department.name.model_dump(),
                "duty": department.duty.model_dump(),
            }
            for pack in office.packs_of(actor)
            for department in office.packs[pack].departments.values()
        ]
        return JSONResponse({"departments": found}, headers=_NO_STORE)

    @api.get(
        "/cases",
        summary="Cases I may read, nearest date first",
        operation_id="cases",
        response_model=models.Cases,
        responses=refusals("not-yours", "invalid", "unknown-department"),
        openapi_extra=_SIGNED,
    )
    async def cases(
        actor: Signed,
        department: Annotated[str | None, Query(max_length=48)] = None,
        state: Annotated[State | None, Query()] = None,
        view: View | None = None,
        q: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        after: Annotated[str | None, Query(max_length=120)] = None,
    ) -> JSONResponse:
        """Open ones unless `state=closed` or `view=closed`; `q` finds words, a name, an order or a reference, in the view
        if that is offered, escalated or closed, else in everything. `total` counts to 10,000 and a search finds the newest
        10,000; `after` begins the next page, null: there is none.
        """
        wish = wish_of(office, actor, department=department, state=state, view=view, words=q, limit=limit, after=after)
        page = await office.page(wish, actor)
        shown = [views.summary(row, office.packs) for row in page.rows]
        return JSONResponse({"cases": shown, "total": page.total, "after": page.after}, headers=_NO_STORE)

    @api.get(
        "/cases/{reference}",
        summary="One case with its story",
        operation_id="case",
        response_model=models.Case,
        responses=refusals("not-yours"),
        openapi_extra=_SIGNED,
    )
    async def case(reference: str, actor: Signed) -> JSONResponse:
        """Also what I may do to it now (`actions`)."""
        return JSONResponse(await office.whole(reference, actor), headers=_NO_STORE)

    @api.get(
        "/cases/{reference}/events",
        summary="The stored history as it is, for operators",
        operation_id="case_events",
        response_model=models.History,
        responses=refusals("not-yours"),
        openapi_extra=_SIGNED,
    )
    async def events(reference: str, actor: Signed) -> JSONResponse:
        """Ids, causes and times of everything that happened."""
        row = await office.row(reference, actor, Action.RAW_EVENTS)
        history = await office.reading.history(row["complaint_id"])
        return JSONResponse({"events": [views.line(one) | {"text": None} for one in history]}, headers=_NO_STORE)

    for body in bodies.BODIES:
        _add_command(api, office, body)
    return api


def _add_command(api: APIRouter, office: Office, body_type: type[bodies.Body]) -> None:
    async def command(
        reference: str,
        body: bodies.Body,
        actor: Annotated[Actor, Depends(office.actor)],
        idempotency_key: KeyHeader = None,
    ) -> Response:
        async def answer(reading: CaseReading) -> str:
            return json.dumps(await office.after_in(reading, reference, actor), ensure_ascii=False)

        key = once.key_of(idempotency_key)
        done = await office.acting.act(canonical(reference), actor, body, key=key, render=answer)
        headers = {**_NO_STORE, **(once.REPLAYED if done.replayed else {})}
        if done.answer is None:
            return JSONResponse(await office.after(reference, actor), headers=headers)
        return Response(done.answer, headers=headers, media_type="application/json")

    command.__annotations__["body"] = body_type  # FastAPI reads the model of each command from here
    said = (body_type.__doc__ or "").strip()
    name = body_type.action.value
    api.add_api_route(
        f"/cases/{{reference}}/{name}",
        command,
        methods=["POST"],
        name=name,
        operation_id=name.replace("/", "_"),
        summary=said.splitlines()[0],
        response_model=models.CaseAfter,
        responses=refusals(*_REFUSED),
        openapi_extra=_SIGNED,
    )


def wish_of(
    office: Office,
    actor: Actor,
    *,
    department: str | None = None,
    state: State | None = None,
    view: View | None = None,
    words: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> Wish:
    """Which cases are asked for, widened or narrowed to what the actor may read.

    Without a department and a view it is everything for those who read everything, else the own queue.
    """
    words = words.strip() if words and words.strip() else None
    wide = office.reads_all(actor)
    if state is State.CLOSED and words is None:
        view = "closed"
    if view is None:
        view = "all" if wide and department is None else "queue"
    if words and actor.role is Role.AGENT and is_reference(words):
        wide, view = True, "all"  # what a caller says leads wherever in the pack the case is
    if department is None and (view == "offered" or ((view == "queue" or not wide) and not (wide and words))):
        department = actor.department
    return Wish(
        packs=office.listed_packs_of(actor),
        view=view,
        department=department,
        state=state.value if state else None,
        words=words,
        after=after,
        limit=limit,
    )
