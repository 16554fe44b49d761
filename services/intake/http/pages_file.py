"""The public form: what happened, read back, filed once, and a receipt at the end."""

import uuid
from collections.abc import Mapping

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.domain.complaint import Complaint
from services.intake.handlers import FORM, Refusal
from services.intake.http.pages_parts import (
    Parts,
    address_of,
    categories,
    look_of,
    outlook_of,
    store_said,
    stores,
    usual_spans,
)
from services.intake.http.pages_receipt import Cookies, Receipt
from services.intake.http.pages_told import LONGEST, WANTED, ToldStore, errors_of, from_public
from shared.runtime.web import language as languages
from shared.runtime.web.forms import Errors, Form, read_form
from shared.runtime.web.problems import Problem
from shared.runtime.web.rates import retry_after
from shared.runtime.web.sessions import guard_origin

_EMPTY = Form([])


class PublicForm:
    """`/file` and what follows it. Nothing is kept on the server before the complaint is filed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cookies = Cookies(parts.session_key, "/file")

    def routes(self) -> APIRouter:
        """The routes of the form."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/file", self.show, methods=["GET"], response_model=None)
        router.add_api_route(
            "/file", self.take, methods=["POST"], dependencies=[Depends(guard_origin)], response_model=None
        )
        router.add_api_route("/file/done", self.done, methods=["GET"], response_model=None)
        router.add_api_route("/file/done/outlook", self.outlook, methods=["GET"], response_model=None)
        return router

    async def show(self, request: Request) -> Response:
        """An empty form with a key of its own."""
        response = self._form(request, _EMPTY, key=str(uuid.uuid4()))
        self._cookies.keep_visitor(request, response)
        return response

    async def take(self, request: Request) -> Response:
        """What was typed: read back, taken up again to be changed, or filed."""
        seconds = self._parts.limits.post(address_of(request))
        form = await read_form(request)
        if seconds > 0:
            return self._slowed(request, form, seconds)
        if form["action"] == "edit":
            return self._form(request, form, key=form["key"])
        spoken, pack = languages.of(request), self._parts.pack
        taker = self._parts.intake.taker(pack.name)
        understood = from_public(form, look_of(request).texts, spoken, taker, pack.stores)
        if understood.complaint is None:
            return self._form(request, form, key=form["key"], errors=understood.errors)
        if form["action"] == "send":
            return await self._file(request, form, understood.complaint)
        return self._review(request, form)

    async def done(self, request: Request) -> Response:
        """The receipt of the complaint this browser filed last."""
        receipt = self._cookies.receipt(request)
        if receipt is None:
            return look_of(request).render(request, "file_no_receipt.html")
        look, spoken = look_of(request), languages.of(request)
        response = look.render(
            request,
            "file_done.html",
            receipt=receipt,
            outlook=await outlook_of(self._parts, receipt.reference, spoken),
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def outlook(self, request: Request) -> Response:
        """For the script of the receipt: owner and date of the answer once both are known, nothing (204) until then."""
        receipt = self._cookies.receipt(request)
        outlook = await outlook_of(self._parts, receipt.reference, languages.of(request)) if receipt else None
        response = Response(status_code=204)
        if outlook and outlook.owner and outlook.due_at:
            response = look_of(request).render(request, "file_outlook.html", outlook=outlook)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _file(self, request: Request, form: Form, complaint: Complaint) -> Response:
        key = self._cookies.idempotency_key(request, form["key"])
        client = await self._parts.intake.built_in(FORM, self._parts.pack_name)
        limits, sender = self._parts.limits, (address_of(request), complaint.customer.email)
        seconds = limits.file(*sender)
        if seconds > 0:
            return self._slowed(request, form, seconds)
        try:
            accepted = await self._parts.intake.accept(complaint, client, key, actor="customer")
        except Refusal as refusal:
            limits.not_filed(*sender)
            return self._refused(request, form, refusal)
        if accepted.replayed:
            limits.not_filed(*sender)
        response = RedirectResponse("/file/done", status_code=303, headers={"Cache-Control": "no-store"})
        receipt = Receipt.of(
            accepted, complaint=complaint, told_by_mail=bool(complaint.customer.email) and complaint.consent
        )
        self._cookies.keep_receipt(request, response, receipt)
        return response

    def _slowed(self, request: Request, form: Form, seconds: float) -> Response:
        """Too many for now: what was typed stays on the page, to be sent again later."""
        response = self._review(request, form, status=429)
        response.headers.update(retry_after(seconds))
        return response

    def _refused(self, request: Request, form: Form, refusal: Refusal) -> Response:
        """Whatever the reason, what was typed stays on the page."""
        if refusal.slug == "erased":
            raise Problem(410, "erased")
        if refusal.slug == "idempotency-key-reused":
            receipt = self._cookies.receipt(request)
            return look_of(request).render(request, "file_same.html", status=409, receipt=receipt)
        if refusal.slug == "invalid":
            texts, spoken = look_of(request).texts, languages.of(request)
            errors = errors_of(refusal.faults, "file", form, texts, spoken)
            return self._form(request, form, key=form["key"], errors=errors)
        response = self._review(request, form, status=503)
        response.headers.update(retry_after(refusal.retry_after or 1))
        return response

    def _form(self, request: Request, form: Form, *, key: str, errors: Mapping[str, str] | None = None) -> Response:
        spoken, look, pack = languages.of(request), look_of(request), self._parts.pack
        return look.render(
            request,
            "file.html",
            status=422 if errors else 200,
            form=form,
            key=key,
            errors=Errors(errors or {}),
            categories=categories(pack, spoken),
            stores=stores(pack, spoken),
            store=ToldStore.of(form, pack.stores),
            wanted=WANTED,
            longest=LONGEST["file"],
        )

    def _review(self, request: Request, form: Form, status: int = 200) -> Response:
        spoken, look, pack = languages.of(request), look_of(request), self._parts.pack
        return look.render(
            request,
            "file_review.html",
            status=status,
            form=form,
            failed=status == 503,
            slowed=status == 429,
            category={known[0]: known[1] for known in categories(pack, spoken)}.get(form["category"]),
            store=store_said(form, pack, spoken),
            spans=usual_spans(pack, "web", form["category"], look.texts, spoken),
        )
