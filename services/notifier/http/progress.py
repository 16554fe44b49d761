"""`/c/TOKEN`: the customer's page. Works on a phone, by keyboard and without script; every form is a plain POST."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.notifier.domain.actions import Action, may
from services.notifier.http import models
from services.notifier.http.bodies import FIELDS, MODELS, form_name, said_of, values_of
from services.notifier.http.customers import MAX_TEXT, Customers, LinkEnded, NoSuchLink
from services.notifier.http.limits import PageLimits
from services.notifier.http.view import document_of, page_of
from shared.policies.watching import PolicySource
from shared.runtime import once
from shared.runtime.web import language as languages
from shared.runtime.web import media
from shared.runtime.web.company import company_of
from shared.runtime.web.look import Look
from shared.runtime.web.openapi import refusals
from shared.runtime.web.problems import Problem, explain, wants_page
from shared.runtime.web.rates import retry_after
from shared.runtime.web.texts import LANGUAGES, Language

PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""The address is the key to the page: it must not be kept, passed on or indexed (promises.md T10)."""

_ACTIONS: tuple[Action, ...] = ("reply", "add", "confirm", "dispute", "rate")
_SAYS: Mapping[Action, str] = {
    "reply": "Answer the department's question",
    "add": "Add a fact",
    "confirm": "Say that it is settled",
    "dispute": "Say that it is not settled; reopens",
    "rate": "Rate the handling, 1 to 5",
}


_KEY_PARAMETER: Mapping[str, Any] = {
    "name": once.HEADER,
    "in": "header",
    "required": False,
    "description": "For programs: a new UUID for each request, and the same one when it is sent again",
    "schema": {"type": "string", "format": "uuid"},
}


class _Fields(dict[str, str]):
    """By field of a form; a field that is not there is empty."""

    def __missing__(self, name: str) -> str:
        return ""


class Progress:
    """The page and its five forms."""

    def __init__(
        self,
        customers: Customers,
        policies: PolicySource,
        look: Look,
        limits: PageLimits,
        form: str,
    ) -> None:
        """`form`: address of the public form, where a new complaint is filed."""
        self._customers = customers
        self._policies = policies
        self._look = look
        self._limits = limits
        self._form = form

    async def show(self, request: Request, token: str) -> Response:
        """The page, or for programs the same as JSON."""
        self._admit(request)
        if not wants_page(request):
            opened = await self._open(token)
            return JSONResponse(document_of(opened, self._policies.packs), headers=PRIVATE)
        return await self._page(request, token)

    async def take(self, request: Request, token: str, action: Action) -> Response:
        """Do it, then lead back to the page with a word of success; programs get JSON."""
        seconds = self._limits.send(_address_of(request), token)
        values = await values_of(request)
        if seconds > 0:
            return await self._slowed(request, token, action, values, seconds)
        try:
            said = said_of(action, values)
        except ValidationError as error:
            return await self._refused(request, token, action, values, error)
        page = wants_page(request)
        key = once.form_key(str(values.get("key", ""))) if page else once.key_of(request.headers.get(once.HEADER))
        try:
            result, replayed = await self._customers.act(token, said, key)
        except NoSuchLink:
            raise _nothing() from None
        except LinkEnded as ended:
            raise self._ended(ended) from None
        except Problem as problem:
            if page and problem.code == "idempotency-key-reused":
                return await self._sent_before(request, token, action, values)
            problem.headers.update(PRIVATE)
            raise
        if page and said.text and result in ("late", "changed"):
            kept_page = await self._too_late(request, token, action, said.text)
            if kept_page is not None:
                return kept_page
        if page:
            kept = f"&lang={wish}" if (wish := request.query_params.get("lang")) in ("zh", "en") else ""
            done = "late" if result in ("late", "changed") else action
            return RedirectResponse(f"/c/{token}?done={done}{kept}", status_code=303, headers=PRIVATE)
        if result in ("late", "changed"):
            raise Problem(409, "wrong-state" if result == "late" else "stale", headers=PRIVATE)
        return JSONResponse({"status": result}, headers={**PRIVATE, **(once.REPLAYED if replayed else {})})

    def _admit(self, request: Request) -> None:
        seconds = self._limits.read(_address_of(request))
        if seconds > 0:
            raise Problem(429, "too-many", headers=PRIVATE | retry_after(seconds))

    async def _open(self, token: str) -> Any:
        try:
            return await self._customers.open(token)
        except NoSuchLink:
            raise _nothing() from None
        except LinkEnded as ended:
            raise self._ended(ended) from None

    def _ended(self, ended: LinkEnded) -> Problem:
        values = {"reference": ended.journey.reference, "form": self._form}
        return Problem(410, "link-ended", headers=PRIVATE, values=values)

    async def _page(
        self,
        request: Request,
        token: str,
        status: int = 200,
        errors: Mapping[str, str] | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> Response:
        opened = await self._open(token)
        language = _language(request, opened.journey.language)
        page = page_of(opened, self._policies.packs, self._look.texts, language)
        done = request.query_params.get("done", "")
        response = self._look.render(
            request,
            "progress.html",
            status=status,
            at=f"/c/{token}",
            language=language,
            page=page,
            token=token,
            errors=_Fields(errors or {}),
            kept=_Fields(kept or {}),
            done=done if done in (*_ACTIONS, "late") else "",
            limit_of_words=MAX_TEXT,
            company=company_of(self._policies.packs.by_name.get(opened.journey.pack), language),
            now=opened.now,
            tz=page.tz,
        )
        response.headers.update(PRIVATE)
        return response

    async def _refused(
        self, request: Request, token: str, action: Action, values: Mapping[str, Any], error: ValidationError
    ) -> Response:
        """The page again with what is wrong, and with what was typed."""
        if not wants_page(request):
            await self._open(token)
            fields = explain(error.errors(include_input=False), self._look.texts, languages.of(request))
            raise Problem(422, "invalid", errors=fields, headers=PRIVATE)
        wrong = {str(found["loc"][0]) for found in error.errors(include_input=False)}
        language = languages.of(request)
        errors = {form_name(action, field): f"progress.wrong.{form_name(action, field)}" for field in wrong}
        told = {name: self._look.texts.say(key, language) for name, key in errors.items()}
        return await self._page(request, token, 422, told, _typed(action, values))

    async def _slowed(
        self, request: Request, token: str, action: Action, values: Mapping[str, Any], seconds: float
    ) -> Response:
        """Too often for now: a browser gets the page with what was typed still in its form."""
        if not wants_page(request):
            raise Problem(429, "too-many", headers=PRIVATE | retry_after(seconds))
        self._admit(request)
        where = form_name(action, FIELDS[action] or "rating")
        told = {where: self._look.texts.say("problem.too-many.detail", languages.of(request))}
        page = await self._page(request, token, 429, told, _typed(action, values))
        page.headers.update(retry_after(seconds))
        return page

    async def _sent_before(self, request: Request, token: str, action: Action, values: Mapping[str, Any]) -> Response:
        """The page again: somebody went back and sent the form with other words. They are kept, under a new key."""
        where = form_name(action, FIELDS[action] or "rating")
        told = {where: self._look.texts.say("problem.sent-before.detail", languages.of(request))}
        return await self._page(request, token, 409, told, _typed(action, values))

    async def _too_late(self, request: Request, token: str, action: Action, text: str) -> Response | None:
        """The page as it stands now, with the words in the form where they can still be said; None: nowhere any more."""
        opened = await self._open(token)
        ways: tuple[Action, ...] = (action, "add", "dispute")
        now = next((way for way in ways if may(way, opened.journey) == "yes"), None)
        if now is None:
            return None
        where = form_name(now, FIELDS[now])
        told = {where: self._look.texts.say("progress.changed", languages.of(request))}
        return await self._page(request, token, 409, told, {where: text})


def make_progress(progress: Progress) -> APIRouter:
    """The routes below `/c/`."""
    api = APIRouter(prefix="/c", tags=["customer"], responses=refusals("no-such-link", "link-ended"))

    @api.get(
        "/{token}",
        summary="The progress of one complaint",
        operation_id="customer_progress",
        response_model=models.Progress,
    )
    async def show(request: Request, token: str) -> Response:
        """A page for browsers, JSON for programs. Whoever has the link may read and act."""
        return await progress.show(request, token)

    for action in _ACTIONS:
        _add_action(api, progress, action)
    return api


def _add_action(api: APIRouter, progress: Progress, action: Action) -> None:
    async def take(request: Request, token: str) -> Response:
        return await progress.take(request, token, action)

    model = MODELS[action]
    content = {kind: {"schema": model.model_json_schema()} for kind in (media.JSON, media.FORM)}
    api.add_api_route(
        f"/{{token}}/{action}",
        take,
        methods=["POST"],
        summary=_SAYS[action],
        response_model=models.Taken,
        responses=refusals("wrong-state", "stale", "idempotency-key-missing", "idempotency-key-reused", "in-progress"),
        description="Twice is as good as once. A browser is led back to the page; a program gets `done` or `already`.",
        operation_id=f"customer_{action}",
        openapi_extra={
            "requestBody": {"required": action != "confirm", "content": content},
            "parameters": [_KEY_PARAMETER],
        },
    )


def _typed(action: Action, values: Mapping[str, Any]) -> dict[str, str]:
    """What was typed, by field of the page."""
    return {form_name(action, field): str(values.get(field, "")) for field in (FIELDS[action], "rating") if field}


def _address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


def _language(request: Request, own: Language) -> Language:
    """What the address asks for, else what was chosen before, else the complaint's own language."""
    for wish in (request.query_params.get("lang"), request.cookies.get(languages.COOKIE)):
        for language in LANGUAGES:
            if wish == language:
                return language
    return own


def _nothing() -> Problem:
    """The same answer for wrong, erased and not yet known."""
    return Problem(404, "no-such-link", headers=PRIVATE)
