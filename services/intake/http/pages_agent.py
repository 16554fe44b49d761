"""The call form: taken down by keyboard while somebody talks, read back, filed, and the reference read out."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.domain.complaint import Complaint
from services.intake.domain.contact import normalise_email, normalise_phone
from services.intake.domain.reach import is_lost
from services.intake.domain.told_times import passed
from services.intake.handlers import DESK, Refusal
from services.intake.http.pages_parts import (
    Parts,
    categories,
    department_name,
    look_of,
    outlook_of,
    store_said,
    stores,
    zone_of,
)
from services.intake.http.pages_receipt import Cookies, Receipt
from services.intake.http.pages_told import FACTS, LONGEST, WANTED, ToldStore, errors_of, from_agent, next_step_of
from services.intake.store import FiledComplaint
from shared.policies.packs import Pack
from shared.rights import Action, Standing, is_barred, may_anywhere
from shared.runtime.security_log import Kind
from shared.runtime.web import language as languages
from shared.runtime.web.forms import Errors, Form, read_form
from shared.runtime.web.persons import person_of, standing_in
from shared.runtime.web.problems import Problem
from shared.runtime.web.rates import retry_after
from shared.runtime.web.resuming import RESUMED
from shared.runtime.web.sessions import ROLES, Staff, require
from shared.runtime.web.texts import Language

OnCall = Annotated[Staff, Depends(require(*(role for role in ROLES if may_anywhere(role, Action.FILE))))]
_OUTLOOK_TRIES = 10
_TRIES = frozenset(map(str, range(_OUTLOOK_TRIES + 1)))


class CallForm:
    """`/agent` and what follows it, for signed-in agents, leads and the complaints office."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cookies = Cookies(parts.session_key, "/agent")

    def routes(self) -> APIRouter:
        """The routes of the call form."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/agent", self.show, methods=["GET"], response_model=None)
        router.add_api_route("/agent", self.take, methods=["POST"], response_model=None)
        router.add_api_route("/agent/known", self.known, methods=["POST"], response_model=None)
        router.add_api_route("/agent/done", self.done, methods=["GET"], response_model=None)
        router.add_api_route("/agent/done/outlook", self.outlook, methods=["GET"], response_model=None)
        return router

    async def show(self, request: Request, staff: OnCall) -> Response:
        """An empty form; channel and shop are kept from the last customer by the address."""
        kept = [(name, request.query_params.get(name, "")[:100]) for name in ("channel", "store")]
        fresh = [("key", str(uuid.uuid4())), *kept]
        return await self._form(request, staff, Form(fresh), filled=False)

    async def take(self, request: Request, staff: OnCall) -> Response:
        """What was typed: looked up, read back, changed again, or filed."""
        form = await read_form(request)
        if form["action"] in {"edit", "lookup"} or form[RESUMED]:
            return await self._form(request, staff, form)
        spoken, pack = languages.of(request), self._parts.pack_of(staff)
        gone = passed(form["next_step"], await self._parts.intake.now(), zone_of(self._parts, None))
        understood = from_agent(
            form, look_of(request).texts, spoken, self._parts.intake.taker(pack.name), pack.stores, gone=gone
        )
        if understood.complaint is None:
            return await self._form(request, staff, form, errors=understood.errors)
        if form["action"] == "send":
            return await self._file(request, staff, form, understood.complaint)
        return self._review(request, staff, form, lost=is_lost(understood.complaint))

    async def known(self, request: Request, staff: OnCall) -> Response:
        """The open cases of whoever is reached at the number or address typed so far."""
        form = await read_form(request)
        known = await self._known(request, staff, form)
        # htmx leaves the list of another number standing where the answer is an error, so it gets the words alone.
        status = 429 if known["seconds"] and "hx-request" not in request.headers else 200
        return _told_to_wait(
            look_of(request).render(request, "agent_known.html", status=status, form=form, **known), known
        )

    async def done(self, request: Request, staff: OnCall) -> Response:
        """What to read out before the call ends."""
        receipt = self._cookies.receipt(request)
        if receipt is None:
            return RedirectResponse("/agent", status_code=303)
        told = await self._told(request, staff, receipt)
        return look_of(request).render(request, "agent_done.html", staff=staff, tries=_OUTLOOK_TRIES, **told)

    async def outlook(self, request: Request, staff: OnCall) -> Response:
        """Owner and date on the last page, asked for again until they are known."""
        receipt = self._cookies.receipt(request)
        if receipt is None:
            return Response(status_code=204)  # the page stays as it is
        left = request.query_params.get("tries", "")
        tries = int(left) - 1 if left in _TRIES else 0
        told = await self._told(request, staff, receipt)
        return look_of(request).render(request, "agent_outlook.html", tries=max(tries, 0), later=True, **told)

    async def _told(self, request: Request, staff: Staff, receipt: Receipt) -> dict[str, Any]:
        """The receipt with its outlook; the owner's name in the customer's language too, to be read out."""
        outlook = await outlook_of(self._parts, receipt.reference, languages.of(request))
        said: Language = "en" if receipt.language == "en" else "zh"
        return {
            "receipt": receipt,
            "outlook": outlook,
            "owner_said": department_name(self._parts, outlook.department, said),
            "opens": outlook.department is not None,
        }

    async def _known(self, request: Request, staff: Staff, form: Form) -> dict[str, Any]:
        pack, person = self._parts.pack_of(staff), person_of(staff, self._parts.policies.packs)
        in_region = partial(normalise_phone, region=pack.phone_region)
        phone, email = _normal(in_region, form["phone"]), _normal(normalise_email, form["email"])
        found: list[FiledComplaint] = []
        total = 0
        seconds = self._parts.lookups.wait(staff.user) if phone or email else 0.0
        if (phone or email) and not seconds:
            found, total = await self._parts.intake.open_cases(pack.name, email=email, phone=phone)
            self._parts.security.note_of(Kind.LOOKED_UP, person, found=total)
        spoken = languages.of(request)
        owners = {case.reference: department_name(self._parts, case.department, spoken) for case in found}
        return {
            "cases": found,
            "total": total,
            "owners": owners,
            "zones": {case.reference: zone_of(self._parts, case.department) for case in found},
            "opened": {case.reference for case in found if case.department is not None},
            "closed": {case.reference for case in found if is_barred(person, self._standing(pack, case))},
            "asked": bool(phone or email),
            "seconds": seconds,
        }

    def _standing(self, pack: Pack, case: FiledComplaint) -> Standing:
        return standing_in(self._parts.policies.packs, pack.name, case.department, about=case.about)

    async def _file(self, request: Request, staff: Staff, form: Form, complaint: Complaint) -> Response:
        key = self._cookies.idempotency_key(request, f"{staff.user}|{form['key']}")
        pack = self._parts.pack_of(staff)
        client = await self._parts.intake.built_in(DESK, pack.name)
        try:
            accepted = await self._parts.intake.accept(complaint, client, key, actor=f"staff:{staff.user}")
        except Refusal as refusal:
            return await self._refused(request, staff, form, refusal)
        response = RedirectResponse("/agent/done", status_code=303, headers={"Cache-Control": "no-store"})
        told = bool(complaint.customer.email) and complaint.consent
        spoken = languages.of(request)
        step = next_step_of(form, look_of(request).texts, spoken, spoken)
        store = ToldStore.of(form, pack.stores)
        receipt = Receipt.of(
            accepted, complaint=complaint, told_by_mail=told, next_step=step, store=store.chosen or store.words
        )
        self._cookies.keep_receipt(request, response, receipt)
        return response

    async def _refused(self, request: Request, staff: Staff, form: Form, refusal: Refusal) -> Response:
        if refusal.slug == "erased":
            raise Problem(410, "erased")
        if refusal.slug == "idempotency-key-reused":
            # The agent went back after filing and changed something: a new matter, under a new key.
            changed = Form([*((name, form[name]) for name in form if name != "key"), ("key", str(uuid.uuid4()))])
            return self._review(request, staff, changed, status=409, already=True)
        if refusal.slug in {"invalid", "not-allowed"}:
            texts, spoken = look_of(request).texts, languages.of(request)
            errors = errors_of(refusal.faults, "agent", form, texts, spoken)
            return await self._form(request, staff, form, errors=errors)
        response = self._review(request, staff, form, status=503)
        response.headers.update(retry_after(refusal.retry_after or 1))
        return response

    async def _form(
        self,
        request: Request,
        staff: Staff,
        form: Form,
        errors: Mapping[str, str] | None = None,
        *,
        filled: bool = True,
    ) -> Response:
        look, spoken, pack = look_of(request), languages.of(request), self._parts.pack_of(staff)
        known = await self._known(request, staff, form)
        page = look.render(
            request,
            "agent.html",
            status=422 if errors else 429 if known["seconds"] else 200,
            staff=staff,
            form=form,
            filled=filled,
            errors=Errors(errors or {}),
            categories=[known[:2] for known in categories(pack, spoken)],
            stores=stores(pack, spoken),
            store=ToldStore.of(form, pack.stores),
            wanted=WANTED,
            longest=LONGEST["agent"],
            facts=FACTS,
            **known,
        )
        return _told_to_wait(page, known)

    def _review(
        self,
        request: Request,
        staff: Staff,
        form: Form,
        status: int = 200,
        *,
        already: bool = False,
        lost: bool = False,
    ) -> Response:
        look, spoken, pack = look_of(request), languages.of(request), self._parts.pack_of(staff)
        category = {known[0]: known[1] for known in categories(pack, spoken)}.get(form["category"])
        return look.render(
            request,
            "agent_readback.html",
            status=status,
            staff=staff,
            form=form,
            category=category,
            store=store_said(form, pack, spoken),
            facts=FACTS,
            next_step=next_step_of(form, look.texts, spoken, spoken),
            lost=lost,
            failed=status == 503,
            already=self._cookies.receipt(request) if already else None,
        )


def _told_to_wait(response: Response, known: Mapping[str, Any]) -> Response:
    if known["seconds"]:
        response.headers.update(retry_after(known["seconds"]))
    return response


def _normal(normalise: Callable[[str], str], typed: str) -> str | None:
    try:
        return normalise(typed) if typed else None
    except PydanticCustomError:
        return None
