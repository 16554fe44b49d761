"""The desk in the browser: queue, case, every action by a plain form; script only makes it faster."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from services.router.domain.rights import Action, Actor, Role
from services.router.http import queue, views
from services.router.http.bodies import BODY_OF
from services.router.http.casepage import (
    WRITTEN,
    CasePage,
    Sent,
    done_said,
    errors_of,
    field_name,
    news_of,
    read_body,
    refused,
)
from services.router.http.export import csv_of
from services.router.http.office import Office, canonical
from services.router.http.queue import Filters
from services.router.settings import Settings
from services.router.store.cases import case_of
from services.router.store.reading import COUNTED
from shared.runtime import once
from shared.runtime.errors import is_transient
from shared.runtime.security_log import Kind
from shared.runtime.web import language as languages
from shared.runtime.web.forms import read_form
from shared.runtime.web.look import Look
from shared.runtime.web.problems import Problem, answer
from shared.runtime.web.resuming import RESUMED

ROWS = 50
EXPORTED = 500
"""Rows that one query of an export reads."""
_LOUDER = ("", "changed", "moved", "gone")
_NOTHING_NEW = Response(status_code=204, headers={"Cache-Control": "no-store"})


class Desk:
    """Pages of the desk."""

    def __init__(self, office: Office, look: Look, settings: Settings) -> None:
        self._office = office
        self._look = look
        self._poll = settings.router_poll_seconds
        self._case = CasePage(office, look)

    async def queue(self, request: Request, actor: Actor) -> Response:
        """The queue; the list alone when an open desk asks, and nothing when nothing changed."""
        filters = Filters.read(request.query_params)
        wish = queue.wish(self._office, actor, filters, ROWS)
        page = await self._office.page(wish, actor)
        counts = await self._office.reading.counts(actor.department, self._office.listed_packs_of(actor))
        spoken = languages.of(request)
        entries = [queue.entry(row, actor, self._office.packs, spoken) for row in page.rows]
        now = counts["now"]
        digest = queue.digest_of(entries, page.total, f"{now:%H:%M} {spoken}")
        asked = request.query_params.get("seen")
        if asked == digest:
            return _NOTHING_NEW
        wide = self._office.reads_all(actor)
        return self._look.render(
            request,
            "desk_list.html" if asked is not None else "desk.html",
            entries=entries,
            total=page.total,
            next_page=filters.address(after=page.after) if page.after else None,
            first_page=filters.address() if filters.after else None,
            filters=filters,
            here_list=filters.address(after=filters.after, seen=digest, lang=spoken),
            csv=filters.address("/desk.csv"),
            counts=counts,
            wide=wide,
            unloaded=self._office.unloaded if actor.role in {Role.OPERATOR, Role.OFFICE} else (),
            view=wish.view if not filters.words else filters.view,
            department=views.name_of(wish.department or actor.department, self._office.packs)[spoken],
            departments=self._departments(actor, spoken),
            poll=self._poll,
            now=now,
            tz=self._case.zone(actor.department),
            about=request.query_params.get("about", "")[:16],
            done=done_said(request, self._look),
            done_key=request.query_params.get("done", "")[:32],
        )

    def _departments(self, actor: Actor, spoken: str) -> list[tuple[str, str]]:
        packs = [self._office.packs[name] for name in self._office.packs_of(actor)]
        return [(one.id, one.name.in_(spoken)) for pack in packs for one in pack.departments.values()]

    async def csv(self, request: Request, actor: Actor) -> Response:
        """The list as a file with everything the filters find, page after page as it is sent; of a search that finds more
        than is counted, the last line says so.
        """
        wish = replace(queue.wish(self._office, actor, Filters.read(request.query_params), EXPORTED), after=None)
        first = await self._office.page(wish, actor)
        self._office.security.note_of(
            Kind.EXPORTED, actor, what="cases", view=wish.view, department=wish.department, searched=bool(wish.words)
        )

        spoken, packs = languages.of(request), self._office.packs

        async def lines() -> AsyncIterator[bytes]:
            page, head, sent = first, True, 0
            while True:
                yield csv_of(
                    (views.summary(row, packs) | {"store": views.store_said(row, packs, spoken)} for row in page.rows),
                    head=head,
                )
                head, sent = False, sent + len(page.rows)
                if page.after is None:
                    break
                page = await self._office.page(replace(wish, after=page.after), actor)
            if wish.words and sent >= COUNTED:
                yield csv_of([], head=False, cut=self._look.texts.say("desk.csv_cut", spoken, n=sent))

        headers = {"Content-Disposition": 'attachment; filename="cases.csv"', "Cache-Control": "no-store"}
        return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)

    async def case(self, request: Request, reference: str, actor: Actor) -> Response:
        """One case. An open page asks with `seen` whether it changed and gets a hint, never a new form under its hands."""
        seen = request.query_params.get("seen")
        if seen is not None:
            return await self._news(request, reference, actor, seen, request.query_params.get("said", ""))
        response: Response = await self._case.show(request, reference, actor, None)
        return response

    async def _news(self, request: Request, reference: str, actor: Actor, seen: str, said: str) -> Response:
        """What an open page has to say since it was `seen`, where that is more than it `said` already.

        The case has changed; then, that another department has it; last, that it is no longer theirs to read, and
        with that the page asks no more.
        """
        try:
            case = case_of(await self._office.row(reference, actor))
        except Problem as problem:
            if problem.status != 403:
                raise
            news, reference = "gone", canonical(reference)
        else:
            news, reference = news_of(case, seen, actor), case.reference
        if _LOUDER.index(news) <= (_LOUDER.index(said) if said in _LOUDER else 0):
            return _NOTHING_NEW
        return self._look.render(request, "case_changed.html", reference=reference, news=news, seen=seen)

    async def act(self, request: Request, reference: str, action_name: str, actor: Actor) -> Response:
        """Carry out a form and go on; refused, the page comes back with what was written."""
        if action_name not in BODY_OF:
            raise Problem(404, "not-found")
        action, form = Action(action_name), await read_form(request)
        if form[RESUMED]:
            return await self._again(request, reference, actor, Sent(action=action, form=dict(form), resumed=True), 200)
        try:
            zone = self._case.zone(form["zone_of"] or actor.department)
            body = read_body(action, form, zone)
            key = once.form_key(form["key"])
            await self._office.acting.act(canonical(reference), actor, body, seen=form["mark"] or None, key=key)
        except ValidationError as error:
            errors = errors_of(action, error, self._look, request)
            return await self._again(
                request, reference, actor, Sent(action=action, form=dict(form), errors=errors), 422
            )
        except Problem as problem:
            if problem.code == "idempotency-key-reused":  # gone back to, and sent with other words
                problem = Problem(409, "sent-before")
            if problem.status not in {403, 409, 422}:
                raise problem from None
            if not await self._still_readable(reference, actor):  # another department has it meanwhile
                return answer(request, problem, [form[field_name(action, name)] for name in WRITTEN[action]])
            sent = refused(action, form, problem, self._look, request)
            return await self._again(request, reference, actor, sent, problem.status)
        return self._onward(canonical(reference), action, await self._still_readable(reference, actor))

    async def _again(self, request: Request, reference: str, actor: Actor, sent: Sent, status: int) -> Response:
        response: Response = await self._case.show(request, reference, actor, sent, status)
        return response

    async def _still_readable(self, reference: str, actor: Actor) -> bool:
        """Asked after a command: not knowing must not look like a command that failed."""
        try:
            await self._office.row(reference, actor)
        except Problem:
            return False
        except Exception as error:
            if not is_transient(error):
                raise
        return True

    @staticmethod
    def _onward(reference: str, action: Action, readable: bool) -> Response:
        done = action.value.replace("/", "_")
        target = f"/desk/cases/{reference}?done={done}" if readable else f"/desk?done={done}&about={reference}"
        return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})


def make_desk(office: Office, look: Look, settings: Settings) -> APIRouter:
    """The routes `/desk…`."""
    desk = Desk(office, look, settings)
    pages = APIRouter(include_in_schema=False)
    Signed = Annotated[Actor, Depends(office.actor)]  # noqa: N806  a type of this function

    @pages.get("/")
    async def root() -> Response:
        return RedirectResponse("/desk", status_code=303)

    @pages.get("/desk")
    async def show_queue(request: Request, actor: Signed) -> Response:
        return await desk.queue(request, actor)

    @pages.get("/desk.csv")
    async def show_csv(request: Request, actor: Signed) -> Response:
        return await desk.csv(request, actor)

    @pages.get("/desk/cases/{reference}")
    async def show_case(request: Request, reference: str, actor: Signed) -> Response:
        return await desk.case(request, reference, actor)

    @pages.post("/desk/cases/{reference}/{action:path}")
    async def act(request: Request, reference: str, action: str, actor: Signed) -> Response:
        return await desk.act(request, reference, action, actor)

    return pages
