"""Sign-in, as a page and for programs."""

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends
from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.router.http.bodies import SignIn
from services.router.settings import Settings
from services.router.store.staff import Staff, Throttled
from shared.runtime.directory import Member
from shared.runtime.security_log import Kind, SecurityLog
from shared.runtime.web.addresses import network_of
from shared.runtime.web.forms import read_form
from shared.runtime.web.look import Look
from shared.runtime.web.problems import Problem
from shared.runtime.web.rates import Rates, retry_after
from shared.runtime.web.resuming import carried_of, onward_of
from shared.runtime.web.sessions import EXPIRY_SECONDS, Sessions, guard_origin, safe_next

_USERS_OF_A_BROWSER = 8
_KNOWN_SECONDS = 180 * 86_400
_TOLD_AGAIN_SECONDS = 60.0
"""One line of the security log says for a minute that somebody has to wait."""


class SignInLimits:
    """How often anybody may try to sign in, right or wrong: each address, and all together."""

    def __init__(self, settings: Settings) -> None:
        self._each = Rates(settings.router_sign_in_rate, settings.router_sign_in_burst)
        self._all = Rates(settings.router_sign_in_rate * 5, settings.router_sign_in_burst * 3)

    def wait(self, address: str) -> float:
        """Seconds until the address may try again; 0.0: now, and it is counted."""
        wait = self._each.wait(address)
        if wait == 0.0 and (wait := self._all.wait("all")) > 0:
            self._each.give_back(address)
        return wait


class Devices:
    """Browsers that people have signed in from: others' tries at their names do not make them wait."""

    def __init__(self, key: bytes, *, secure: bool) -> None:
        self._serializer = URLSafeSerializer(key, salt="redress-device-v1")
        self._secure = secure
        self._cookie = "__Host-redress_device" if secure else "redress_device"

    def of(self, request: Request, user: str) -> str | None:
        """The id of the browser, if this user signed in from it before."""
        try:
            held = self._serializer.loads(request.cookies.get(self._cookie, ""))
            return str(held[user])
        except (BadData, KeyError, TypeError):
            return None

    def keep(self, request: Request, response: Response, user: str) -> None:
        """Know the browser again; of a shared one the last few users."""
        try:
            held = dict(self._serializer.loads(request.cookies.get(self._cookie, "")))
        except (BadData, TypeError, ValueError):
            held = {}
        users = {**held, user: held.get(user) or uuid.uuid4().hex}
        value = str(self._serializer.dumps(dict(list(users.items())[-_USERS_OF_A_BROWSER:])))
        response.set_cookie(
            self._cookie, value, max_age=_KNOWN_SECONDS, httponly=True, samesite="strict", secure=self._secure, path="/"
        )


class Signing:
    """Checks passwords and hands out sessions."""

    def __init__(
        self, staff: Staff, sessions: Sessions, look: Look, tries: SignInLimits, devices: Devices, security: SecurityLog
    ) -> None:
        self._staff = staff
        self._tries = tries
        self._devices = devices
        self._security = security
        self._sessions = sessions
        self._look = look

    async def token(self, request: Request, user: str, password: str) -> dict[str, Any]:
        """What a program gets for a right password.

        Raises:
            Problem: 401 wrong user or password, 429 after too many tries.
        """
        member = await self.check(request, user, password)
        return token_document(self._sessions, member)

    async def sign_in(self, request: Request) -> Response:
        """Answer the posted form: on to where the person wanted to go, or the form again with what is wrong."""
        form = await read_form(request)
        wish = self._next(form["next"])
        try:
            sent = SignIn(user=form["user"].lower() or "?", password=form["password"] or "?")
            member = await self.check(request, sent.user, sent.password)
        except (Problem, ValueError) as error:
            status = error.status if isinstance(error, Problem) else 401
            wait = error.values.get("seconds", 0) if isinstance(error, Problem) else 0
            typed = "".join(sign for sign in form["user"][:48] if sign.isprintable())
            page = self.form(request, wish, user=typed, wrong=True, wait=wait, status=status, carried=carried_of(form))
            page.headers.update(error.headers if isinstance(error, Problem) else {})
            return page
        response: Response = RedirectResponse(wish, status_code=303, headers={"Cache-Control": "no-store"})
        onward = onward_of(form, member.user, self._look.urls.own)
        if onward is not None:
            to, fields = onward
            response = self._look.render(request, "onward.html", to=to, fields=fields)
        self._devices.keep(request, response, member.user)
        self._sessions.keep(request, response, member.user, member.session_epoch)
        return response

    def form(
        self,
        request: Request,
        wish: str,
        *,
        user: str = "",
        wrong: bool = False,
        wait: Any = 0,
        status: int = 200,
        carried: Mapping[str, str] | None = None,
    ) -> Response:
        """The sign-in page."""
        return self._look.render(
            request,
            "sign_in.html",
            status=status,
            user=user,
            wrong=wrong,
            wait=wait,
            next=self._next(wish),
            carried=carried or {},
        )

    async def check(self, request: Request, user: str, password: str) -> Member:
        """The member whose password it is; each try is counted.

        Raises:
            Problem: 401 wrong user or password, 429 after too many tries.
        """
        user, device = user.strip().lower(), None
        address = network_of(request.client.host if request.client else "unknown")
        if (device := self._devices.of(request, user)) is None:
            seconds = self._tries.wait(address)
            if seconds > 0:  # before a password is looked at: that costs 30 ms of a core
                self._note(Kind.SIGN_IN_THROTTLED, user, address)
                values = {"seconds": math.ceil(seconds)}
                raise Problem(429, "too-many", headers=retry_after(seconds), values=values)
        await self._sessions.directory.refresh()
        try:
            member = await self._staff.sign_in(user, password, address, device)
        except Throttled as throttled:
            self._note(Kind.SIGN_IN_THROTTLED, user, address)
            values = {"seconds": throttled.wait}
            raise Problem(429, "too-many", headers={"Retry-After": str(throttled.wait)}, values=values) from None
        self._note(Kind.SIGN_IN_FAILED if member is None else Kind.SIGNED_IN, user, address)
        if member is None:
            raise Problem(401, "wrong-password", headers={"WWW-Authenticate": "Bearer"})
        return member

    def _note(self, kind: Kind, user: str, address: str) -> None:
        """Write it down. What was typed as a name and is none may be a password, so it is not kept."""
        if kind is Kind.SIGN_IN_THROTTLED and not self._security.is_first((kind, user, address), _TOLD_AGAIN_SECONDS):
            return
        view = self._sessions.directory.view
        member = view.members.get(user) if view else None
        if member is None:
            self._security.note(kind, "unknown", address=address)
        else:
            self._security.note(
                kind, user, role=member.role, pack=member.pack, works_in=member.department, address=address
            )

    def _next(self, wish: str) -> str:
        return safe_next(wish, self._look.urls.own, "/desk")


def token_document(sessions: Sessions, member: Member) -> dict[str, Any]:
    """What a program gets: a token of a new session, and whose it is."""
    return {
        "token": sessions.issue(member.user, member.session_epoch),
        "user": member.user,
        "name": member.name,
        "role": member.role,
        "department": member.department,
        "expires_at": (datetime.now(UTC) + timedelta(seconds=EXPIRY_SECONDS)).isoformat(timespec="seconds"),
    }


def make_signing(signing: Signing) -> APIRouter:
    """The page `/sign-in`."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/sign-in")
    async def show(request: Request, next: str = "") -> Response:  # noqa: A002  the name in the address
        return signing.form(request, next)

    @pages.post("/sign-in", dependencies=[Depends(guard_origin)])
    async def sign_in(request: Request) -> Response:
        return await signing.sign_in(request)

    return pages
