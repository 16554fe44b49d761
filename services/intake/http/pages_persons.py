"""The office's page about a person: what an erasure would take, asking for one, approving it, holds, a copy of the data."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.domain.contact import lookup_email, normalise_email, normalise_phone
from services.intake.domain.erasure import No
from services.intake.handlers.person_file import as_pdf, with_stores
from services.intake.handlers.persons import PersonFile, as_json
from services.intake.http.pages_parts import Parts, look_of
from shared.events.reference import BadReference, parse_reference
from shared.policies.packs import Pack
from shared.rights import Action, may_anywhere
from shared.runtime.security_log import Kind
from shared.runtime.web.forms import Form, read_form
from shared.runtime.web.persons import pack_for, person_of
from shared.runtime.web.problems import Problem
from shared.runtime.web.rates import retry_after
from shared.runtime.web.sessions import ROLES, Staff, require

Office = Annotated[Staff, Depends(require(*(role for role in ROLES if may_anywhere(role, Action.ERASE))))]
Copier = Annotated[Staff, Depends(require(*(role for role in ROLES if may_anywhere(role, Action.EXPORT_PERSON))))]
_WHY_MAX: Final = 500
_TYPES: Final = {"json": ("application/json", as_json), "pdf": ("application/pdf", as_pdf)}
_DONE: Final = frozenset({"asked", "erased", "declined", "held", "lifted", "late"})
Step = Literal["erase", "approve", "decline", "hold", "lift"]


class PersonPages:
    """`/persons` and what follows it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> APIRouter:
        """The routes, a path for each step so that the table of rights sees each."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/persons", self.show, methods=["GET"], response_model=None)
        router.add_api_route("/persons", self.find, methods=["POST"], response_model=None)
        router.add_api_route("/persons/{reference}", self.person, methods=["GET"], response_model=None)
        router.add_api_route("/persons/{reference}/copy", self.copy, methods=["POST"], response_model=None)
        for step in ("erase", "approve", "decline", "hold", "lift"):
            path = f"/persons/{{reference}}/{step}"
            router.add_api_route(path, self._step(step), methods=["POST"], response_model=None, name=step)
        return router

    async def show(self, request: Request, staff: Office) -> Response:
        """Look for a person; what waits for a second one of the office."""
        return await self._list(request, staff)

    async def find(self, request: Request, staff: Office) -> Response:
        """By reference, address or number."""
        pack = self._pack(staff, Action.ERASE)
        told = (await read_form(request))["who"]
        try:
            reference = parse_reference(told)
        except BadReference:
            return await self._by_contact(request, staff, pack, told)
        if await self._parts.persons.open(reference, pack.name) is None:
            return await self._list(request, staff, told=told, wrong="none")
        return RedirectResponse(f"/persons/{reference}", status_code=303)

    async def person(self, request: Request, staff: Office, reference: str) -> Response:
        """What would go, and what can be done."""
        found = await self._open(staff, reference, Action.ERASE)
        return self._page(request, staff, found)

    async def copy(self, request: Request, staff: Copier, reference: str) -> Response:
        """What intake holds, as a file."""
        found = await self._open(staff, reference, Action.EXPORT_PERSON)
        kind, made = _TYPES.get((await read_form(request))["as"], _TYPES["json"])
        if found.erased_at is not None:
            raise Problem(410, "erased")
        document = with_stores(await self._parts.persons.copy(found), self._parts.policies.packs)
        for one in found.complaints:
            self._note(Kind.PERSON_EXPORTED, staff, one.reference)
        name = f"person-{found.person_id}.{'pdf' if kind.endswith('pdf') else 'json'}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Response(made(document), media_type=kind, headers=headers)

    def _step(self, step: Step) -> Callable[..., Any]:
        async def take(request: Request, staff: Office, reference: str) -> Response:
            found = await self._open(staff, reference, Action.ERASE)
            form = await read_form(request)
            return await self._take(request, staff, found, step, form)

        return take

    async def _take(self, request: Request, staff: Staff, found: PersonFile, step: Step, form: Form) -> Response:
        pack, by, persons = self._pack(staff, Action.ERASE), f"staff:{staff.user}", self._parts.persons
        why = form["hold_why" if step == "hold" else "why"]
        if step in ("erase", "hold") and not 0 < len(why) <= _WHY_MAX:
            return self._page(request, staff, found, wrong="why", step=step, why=why)
        if step == "erase":
            if found.no is not None:
                return self._page(request, staff, found, wrong=found.no.value, step=step, why=why)
            if form["sure"] != "yes":
                return self._page(request, staff, found, wrong="sure", step=step, why=why)
            asked = await persons.ask(found, why=why, by=by, second_person=pack.second_person_erases)
            self._note(Kind.ERASURE_ASKED if pack.second_person_erases else Kind.ERASED, staff, found.reference)
            done = "late" if not asked else "asked" if pack.second_person_erases else "erased"
        elif step in ("approve", "decline"):
            erasure = found.under_way
            if erasure is None or erasure.state != "asked":
                return self._to(found, "late")
            no = await persons.decide(
                erasure, approve=step == "approve", by=by, second_person=pack.second_person_erases
            )  # fmt: skip
            if no is not None:
                return self._page(request, staff, found, wrong=no.value, step=step)
            self._note(Kind.ERASED if step == "approve" else Kind.ERASURE_DECLINED, staff, found.reference)
            done = "erased" if step == "approve" else "declined"
        else:
            held = await (
                persons.hold(found.reference, why=why, by=by) if step == "hold" else persons.lift(found.reference)
            )
            if held:
                self._note(Kind.HELD if step == "hold" else Kind.HOLD_LIFTED, staff, found.reference)
            done = "late" if not held else "held" if step == "hold" else "lifted"
        return self._to(found, done)

    @staticmethod
    def _to(found: PersonFile, done: str) -> Response:
        return RedirectResponse(f"/persons/{found.reference}?done={done}", status_code=303)

    async def _open(self, staff: Staff, told: str, action: Action) -> PersonFile:
        pack = self._pack(staff, action)
        try:
            reference = parse_reference(told)
        except BadReference:
            raise Problem(404, "not-found") from None
        found = await self._parts.persons.open(reference, pack.name)
        if found is None:
            raise Problem(404, "not-found")
        return found

    async def _by_contact(self, request: Request, staff: Staff, pack: Pack, told: str) -> Response:
        seconds = self._parts.lookups.wait(staff.user)
        if seconds:
            raise Problem(429, "too-many", headers=retry_after(seconds))
        await self._parts.vault.open()
        try:
            if "@" in told:
                hashed = self._parts.vault.contact_hash("email", lookup_email(normalise_email(told)))
            else:
                hashed = self._parts.vault.contact_hash("phone", normalise_phone(told, pack.phone_region))
        except PydanticCustomError:
            return await self._list(request, staff, told=told, wrong="who")
        found = await self._parts.persons.reached([hashed], pack.name)
        self._note(Kind.LOOKED_UP, staff, None, found=len(found))
        if len(found) == 1:
            return RedirectResponse(f"/persons/{found[0]}", status_code=303)
        return await self._list(request, staff, told=told, wrong="" if found else "none", several=found)

    async def _list(
        self, request: Request, staff: Staff, *, told: str = "", wrong: str = "", several: list[str] | None = None
    ) -> Response:
        pack = self._pack(staff, Action.ERASE)
        return look_of(request).render(
            request,
            "persons.html",
            status=422 if wrong else 200,
            staff=staff,
            told=told,
            wrong=wrong,
            several=several or [],
            waiting=await self._parts.persons.waiting(pack.name),
            at="/persons",
            tz=pack.calendar_of(pack.office.id).zone,
        )

    def _page(
        self, request: Request, staff: Staff, found: PersonFile, *, wrong: str = "", step: str = "", why: str = ""
    ) -> Response:
        pack = self._pack(staff, Action.ERASE)
        done = request.query_params.get("done", "")
        return look_of(request).render(
            request,
            "person.html",
            status=200 if not wrong else 409 if wrong in {no.value for no in No} else 422,
            staff=staff,
            person=found,
            two=pack.second_person_erases,
            mine=found.under_way is not None and found.under_way.asked_by == f"staff:{staff.user}",
            wrong=wrong,
            step=step,
            why=why,
            done=done if done in _DONE and not wrong else "",
            at=f"/persons/{found.reference}",
            tz=pack.calendar_of(pack.office.id).zone,
        )

    def _pack(self, staff: Staff, action: Action) -> Pack:
        packs = self._parts.policies.packs
        pack = packs.by_name.get(pack_for(staff, packs, action))
        if pack is None:
            raise Problem(403, "not-allowed")
        return pack

    def _note(self, kind: Kind, staff: Staff, reference: str | None, **more: object) -> None:
        person = person_of(staff, self._parts.policies.packs)
        self._parts.security.note_of(kind, person, reference=reference, **more)
