"""One's own account: the end of a session here or everywhere, and another password. As pages and for programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.router.http import bodies, models
from services.router.http.signing import Signing, token_document
from services.router.store.staff import Staff as StaffStore
from shared.runtime.directory import Member
from shared.runtime.security_log import Kind, SecurityLog
from shared.runtime.web import language as languages
from shared.runtime.web.forms import Errors, read_form
from shared.runtime.web.look import Look
from shared.runtime.web.media import JsonRoute
from shared.runtime.web.openapi import refusals, security
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import Sessions, Staff, current_staff, guard_origin

_NO_STORE = {"Cache-Control": "no-store"}
_SIGNED = security("staffToken", "staffSession")
SignedIn = Annotated[Staff, Depends(current_staff)]


class Account:
    """What people do about their own sign-in."""

    def __init__(
        self, staff: StaffStore, signing: Signing, sessions: Sessions, look: Look, security: SecurityLog
    ) -> None:
        self._security = security
        self._staff = staff
        self._signing = signing
        self._sessions = sessions
        self._look = look

    def page(self, request: Request, staff: Staff, errors: dict[str, str] | None = None, status: int = 200) -> Response:
        """The page with both buttons and the form."""
        done = not errors and request.query_params.get("done") == "password"
        return self._look.render(
            request, "account.html", status=status, staff=staff, errors=Errors(errors or {}), done=done
        )

    async def end(self, staff: Staff, *, everywhere: bool) -> None:
        """End this session in every service, or all sessions of whoever asks."""
        if everywhere:
            await self._staff.end_sessions(staff.user)
        elif staff.session_id is not None:
            await self._staff.end_session(staff.session_id, staff.user)
        self._sessions.directory.changed()
        self._security.note(
            Kind.SIGNED_OUT,
            staff.user,
            role=staff.role,
            pack=staff.pack,
            works_in=staff.department,
            everywhere=everywhere,
        )

    async def sign_out(self, request: Request) -> Response:
        """Answer the posted button. Who is signed out already is told nothing else."""
        everywhere = "content-type" in request.headers and (await read_form(request))["everywhere"] == "yes"
        staff = self._sessions.of(request)
        if staff is not None:
            await self.end(staff, everywhere=everywhere)
        elif self._sessions.is_unsaid(request):
            raise Problem(503, "unavailable", headers={"Retry-After": "2"})
        response = RedirectResponse("/sign-in", status_code=303, headers=_NO_STORE)
        self._sessions.drop(request, response)
        return response

    async def change(self, request: Request, staff: Staff, password: str, new_password: str) -> Member:
        """Another password; every session under the old one has ended.

        Raises:
            Problem: 401 when it is not the password now, 429 after too many tries.
        """
        member = await self._signing.check(request, staff.user, password)
        epoch = await self._staff.set_password(staff.user, new_password)
        self._sessions.directory.changed()
        if epoch is None:  # dismissed meanwhile
            raise Problem(401, "not-authorised", headers={"WWW-Authenticate": "Bearer"})
        self._security.note(
            Kind.PASSWORD_CHANGED, staff.user, role=staff.role, pack=staff.pack, works_in=staff.department
        )
        return Member(
            user=member.user, name=member.name, role=member.role, department=member.department, session_epoch=epoch
        )

    async def change_by_form(self, request: Request, staff: Staff) -> Response:
        """Answer the posted form; passwords are never written back into it."""
        form, spoken = await read_form(request), languages.of(request)
        errors: dict[str, str] = {}
        if not 8 <= len(form["new_password"]) <= 200:
            errors["new_password"] = self._look.texts.say("account.password.short", spoken)
        elif form["again"] != form["new_password"]:
            errors["again"] = self._look.texts.say("account.password.differ", spoken)
        if errors:
            return self.page(request, staff, errors, 422)
        try:
            member = await self.change(request, staff, form["password"][:200] or "?", form["new_password"])
        except Problem as problem:
            if problem.code not in {"wrong-password", "too-many"}:
                raise
            key = "account.password.wrong" if problem.code == "wrong-password" else "sign_in.wait"
            page = self.page(request, staff, {"password": self._look.texts.say(key, spoken, **problem.values)}, 422)
            page.headers.update({k: v for k, v in problem.headers.items() if k == "Retry-After"})
            return page
        response = RedirectResponse("/account?done=password", status_code=303, headers=_NO_STORE)
        self._sessions.keep(request, response, member.user, member.session_epoch)
        return response

    async def token_after(self, request: Request, staff: Staff, body: bodies.NewPassword) -> dict[str, Any]:
        """The token of the only session that is left."""
        return token_document(self._sessions, await self.change(request, staff, body.password, body.new_password))


def make_account(account: Account) -> APIRouter:
    """`/account`, `/sign-out`, and both for programs."""
    pages = APIRouter()

    @pages.get("/account", include_in_schema=False)
    async def show(request: Request, staff: SignedIn) -> Response:
        return account.page(request, staff)

    @pages.get("/sign-out", include_in_schema=False)
    async def ask(request: Request, staff: SignedIn) -> Response:
        # An address alone signs nobody out: a foreign page could lead there.
        return account.page(request, staff)

    @pages.post("/sign-out", dependencies=[Depends(guard_origin)], include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        return await account.sign_out(request)

    @pages.post("/account/password", include_in_schema=False)
    async def change(request: Request, staff: SignedIn) -> Response:
        return await account.change_by_form(request, staff)

    pages.include_router(_api(account))
    return pages


def _api(account: Account) -> APIRouter:
    api = APIRouter(prefix="/v1", tags=["staff"], route_class=JsonRoute)

    @api.post(
        "/sign-out",
        summary="End this session, or all of mine",
        operation_id="sign_out",
        response_model=models.SignedOut,
        openapi_extra=_SIGNED,
    )
    async def end(staff: SignedIn, body: bodies.SignOut) -> JSONResponse:
        """In every service, within about a second."""
        await account.end(staff, everywhere=body.everywhere)
        return JSONResponse({"ended": "all" if body.everywhere else "session"}, headers=_NO_STORE)

    @api.post(
        "/password",
        summary="Change my own password: a new token, and all my sessions have ended",
        operation_id="change_password",
        response_model=models.Token,
        responses=refusals("wrong-password", "invalid"),
        openapi_extra=_SIGNED,
    )
    async def password(request: Request, staff: SignedIn, body: bodies.NewPassword) -> JSONResponse:
        """The token of the answer is the only one that still holds."""
        return JSONResponse(await account.token_after(request, staff, body), headers=_NO_STORE)

    return api
