"""`/security-log` and its JSON: who signed in, saw, exported, was refused; for the complaints office and operators."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.router.domain.rights import Action, Actor
from services.router.http import models
from services.router.http.office import Office, canonical
from services.router.store.cases import QUERIES
from shared.events.instants import GivenInstant
from shared.rights import may
from shared.runtime.pg import Database
from shared.runtime.web import language as languages
from shared.runtime.web.look import Look
from shared.runtime.web.openapi import refusals, security
from shared.runtime.web.persons import standing_in
from shared.runtime.web.problems import Problem
from shared.runtime.web.texts import Catalogue, Language

ROWS = 200
_NO_STORE = {"Cache-Control": "no-store"}


class SecurityPages:
    """Reads the log as far as it is somebody's to read: the office that of its pack, operators all."""

    def __init__(self, database: Database, office: Office, look: Look) -> None:
        self._database = database
        self._office = office
        self._look = look

    async def lines(
        self, actor: Actor, user: str | None, reference: str | None, since: datetime | None, before: int | None
    ) -> list[dict[str, Any]]:
        """A page of lines and one more, the newest first.

        Raises:
            Problem: 403 for whoever may not read it, 404 for what is no reference.
        """
        if not may(actor, Action.SECURITY_LOG, standing_in(self._office.packs, actor.pack, None)):
            raise Problem(403, "not-allowed")
        everything = may(actor, Action.SECURITY_LOG, standing_in(self._office.packs, None, None))
        pack = None if everything else actor.pack
        wanted = canonical(reference) if reference else None
        rows = await self._database.fetch(QUERIES.security_log, pack, user or None, wanted, since, before, ROWS + 1)
        return [dict(row) for row in rows]

    async def page(self, request: Request, actor: Actor) -> Response:
        """The page; what is typed into its filters is read forgivingly."""
        asked = request.query_params
        user, reference = asked.get("user", "").strip()[:48], asked.get("reference", "").strip()[:40]
        before = asked.get("before", "")
        place = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        try:
            found = await self.lines(actor, _writable(user), reference, None, place)
        except Problem as problem:
            if problem.status != 404:
                raise
            found = []
        more, found = len(found) > ROWS, found[:ROWS]
        return self._look.render(
            request,
            "security_log.html",
            lines=[self._in_words(line, languages.of(request)) for line in found],
            user=user,
            reference=reference,
            first_page=bool(place),
            next_place=found[-1]["id"] if more else None,
        )

    def _in_words(self, line: dict[str, Any], spoken: Language) -> dict[str, Any]:
        """A line in the reader's language; what a newer copy wrote and this one has no words for is shown as it is."""
        texts = self._look.texts
        kind = f"security.kind.{line['kind']}"
        did = texts.say(kind if kind in texts else "security.kind.other", spoken)
        more = [_detail(texts, spoken, name, value) for name, value in line["detail"].items() if value]
        return line | {"did": did, "more": more}


def _detail(texts: Catalogue, spoken: Language, name: str, value: object) -> str:
    key, known = f"security.detail.{name}", f"security.what.{value}"
    said = texts.say(known, spoken) if name == "what" and known in texts else str(value)
    return texts.say(key, spoken, value=said) if key in texts else f"{name}: {said}"


def _writable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def make_security_log(pages: SecurityPages, office: Office) -> APIRouter:
    """The page and the JSON."""
    api = APIRouter(tags=["staff"])
    Signed = Annotated[Actor, Depends(office.actor)]  # noqa: N806  a type of this function

    @api.get("/security-log", include_in_schema=False)
    async def page(request: Request, actor: Signed) -> Response:
        return await pages.page(request, actor)

    @api.get(
        "/v1/security-log",
        summary="Who signed in, saw, looked up, exported, was refused; for the complaints office and operators",
        operation_id="security_log",
        response_model=models.SecurityLog,
        responses=refusals("not-allowed", "not-found", "invalid"),
        openapi_extra=security("staffToken", "staffSession"),
    )
    async def lines(
        actor: Signed,
        user: Annotated[str | None, Query(max_length=48, pattern=r"^[^\x00-\x1f\x7f]*$")] = None,
        reference: Annotated[str | None, Query(max_length=40)] = None,
        since: Annotated[GivenInstant | None, Query()] = None,
        before: Annotated[int | None, Query(ge=1, lt=2**62)] = None,
    ) -> JSONResponse:
        """The newest 200 first; `before` begins the next page. The office reads its own pack's."""
        found = await pages.lines(actor, user, reference, since, before)
        more, found = len(found) > ROWS, found[:ROWS]
        shown = [line | {"at": line["at"].isoformat().replace("+00:00", "Z")} for line in found]
        return JSONResponse({"lines": shown, "before": found[-1]["id"] if more else None}, headers=_NO_STORE)

    return api
