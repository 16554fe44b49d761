"""Who of the staff is asking: one signed token, as a cookie for browsers and as a bearer for programs.

A token says whose session it is and nothing about what they are: role, department and pack come from the staff directory
with each request, so that a dismissal, another role, another password and a sign-out end it everywhere.
"""

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime.directory import Directory, View
from shared.runtime.security_log import Kind, SecurityLog
from shared.runtime.web.problems import Problem
from shared.runtime.web.security import origin_of

COOKIE = "redress_session"
EXPIRY_SECONDS = 8 * 3600
"""One shift: the longest a session lasts."""
IDLE_SECONDS = 3600
"""How long a browser may be left alone, unless SESSION_IDLE_MINUTES says otherwise."""
_RENEWED_AFTER: Final = 60  # seconds: a browser's token is written anew at most so often
_EARLIER: Final = uuid.UUID("6f0b6a52-9a0e-4a5c-8f0d-2c1d6f2f4a11")

Role = Literal["handler", "lead", "agent", "office", "operator"]
ROLES: tuple[Role, ...] = ("handler", "lead", "agent", "office", "operator")

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_KNOWN = "redress.staff"
_UNSAID = "redress.staff_unknown"
_RENEWAL = "redress.session_renewal"


@dataclass(frozen=True, slots=True)
class Staff:
    """A signed-in member of staff as the directory has them now.

    Attributes:
        department: their own; `departments` are further ones whose cases are theirs.
        pack: which their department was of when they were saved.
        session_id: which of their sessions this is.
    """

    user: str
    name: str
    role: Role
    department: str
    departments: tuple[str, ...] = ()
    pack: str | None = None
    session_id: UUID | None = field(default=None, compare=False)

    def may_act_for(self, department: str) -> bool:
        """Whether cases of this department are theirs. The complaints office's wider rights are the table's rule."""
        return department == self.department or department in self.departments


class SignInNeeded(Exception):  # says what is needed, not what broke
    """A page was asked for without a valid session; answered with a redirect to the router's sign-in."""


class Claims(NamedTuple):
    """What a token says.

    Attributes:
        epoch: of the user's sessions when it was issued.
        since: when they signed in, seconds since 1970; `used`: when the token was written.
        browser: it is a browser's, which may not be left alone for long.
    """

    user: str
    session_id: UUID
    epoch: int
    since: float
    used: float
    browser: bool


class _Signer(TimestampSigner):
    """A signer whose clock is given, so that expiry can be tested without waiting."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class Sessions:
    """Issues and reads session tokens. All four services share the key file and the staff directory."""

    def __init__(
        self,
        key: bytes,
        directory: Directory,
        clock: Callable[[], float] = time.time,
        *,
        secure: bool = False,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Make it.

        Args:
            key: at least 32 bytes.
            directory: says who is a member of staff now.
            clock: seconds since 1970.
            secure: people reach us over https: cookies go nowhere else, and no other host can set them.
            idle_seconds: how long a browser may be left alone.
        """
        if len(key) < 32:
            raise ValueError("the session key must have at least 32 bytes")
        self.directory = directory
        self.cookie = f"__Host-{COOKIE}" if secure else COOKIE
        self._secure, self._clock, self._idle = secure, clock, idle_seconds
        self._serializer, self._earlier = (
            URLSafeTimedSerializer(key, salt=salt, signer=_Signer, signer_kwargs={"clock": clock})
            for salt in ("redress-session-v2", "redress-session-v1")
        )

    @classmethod
    def from_file(cls, path: Path, directory: Directory, **how: Any) -> "Sessions":
        """Read the key from SESSION_KEY_FILE, raw bytes or text; a line end after it is part of it."""
        return cls(path.read_bytes(), directory, **how)

    def issue(self, user: str, epoch: int = 1, *, browser: bool = False) -> str:
        """A token of a new session, valid for eight hours."""
        return self._write(Claims(user, uuid.uuid4(), epoch, self._clock(), self._clock(), browser))

    def _write(self, claims: Claims) -> str:
        said = {"u": claims.user, "s": claims.session_id.hex, "e": claims.epoch, "t": claims.since, "b": claims.browser}
        return str(self._serializer.dumps(said))

    def claims(self, token: str) -> Claims | None:
        """What a token says, or None when it is forged, damaged, too old, or a browser's that was left alone."""
        try:
            said, at = self._serializer.loads(token, max_age=EXPIRY_SECONDS, return_timestamp=True)
            found = Claims(said["u"], UUID(said["s"]), said["e"], said["t"], at.timestamp(), said["b"])
        except (BadData, KeyError, TypeError, ValueError):
            return self._earlier_claims(token)
        now = self._clock()
        if now - found.since > EXPIRY_SECONDS + 1 or (found.browser and now - found.used > self._idle):
            return None
        return found

    def _earlier_claims(self, token: str) -> Claims | None:
        """Of a token of the release before the directory: it holds until the user's sessions end for the first time."""
        try:
            said, at = self._earlier.loads(token, max_age=EXPIRY_SECONDS, return_timestamp=True)
            return Claims(said["user"], uuid.uuid5(_EARLIER, token), 1, at.timestamp(), at.timestamp(), browser=False)
        except (BadData, KeyError, TypeError):
            return None

    def staff_of(self, claims: Claims, view: View) -> Staff | None:
        """The member of staff whose session it is; None: it has ended, or they are no member any more."""
        member = view.members.get(claims.user)
        if (
            member is None
            or not member.active
            or member.session_epoch != claims.epoch
            or claims.session_id in view.ended
            or member.role not in ROLES
        ):
            return None
        return Staff(
            member.user,
            member.name,
            member.role,
            member.department,
            tuple(dict.fromkeys((member.department, *member.departments))),
            member.pack,
            claims.session_id,
        )

    async def read(self, token: str) -> Staff | None:
        """The member of staff a token names now, or None.

        Raises:
            Problem: 503 while nobody can say who is a member.
        """
        claims = self.claims(token)
        if claims is None:
            return None
        view = await self.directory.refresh()
        found = self.staff_of(claims, view) if view else None
        if found is None:  # added, or signed in anew, since the view was read
            view = await self.directory.refresh_now()
            found = self.staff_of(claims, view) if view else None
        if view is None:
            raise _unsaid()
        return found

    def of(self, request: HTTPConnection) -> Staff | None:
        """Who is asking, as `KnownStaff` found out at the door; None too while nobody can say."""
        staff: Staff | None = request.scope.get(_KNOWN)
        return staff

    @staticmethod
    def is_unsaid(request: HTTPConnection) -> bool:
        """Whether nobody can say at the moment who is asking: the directory is away."""
        return _UNSAID in request.scope

    def token_of(self, request: HTTPConnection) -> str | None:
        """The token of a request: `Authorization: Bearer`, or else the cookie."""
        return _bearer(request) or request.cookies.get(self.cookie)

    def keep(self, request: Request, response: Response, user: str, epoch: int) -> None:
        """Sign the browser in; what session it had is not renewed beside it."""
        request.scope.pop(_RENEWAL, None)
        self._set(response, self.issue(user, epoch, browser=True), EXPIRY_SECONDS)

    def _set(self, response: Response, token: str, seconds: int) -> None:
        response.set_cookie(
            self.cookie, token, max_age=seconds, httponly=True, samesite="lax", secure=self._secure, path="/"
        )

    def drop(self, request: Request, response: Response) -> None:
        """Sign the browser out."""
        request.scope.pop(_RENEWAL, None)
        response.delete_cookie(self.cookie, path="/", httponly=True, samesite="lax", secure=self._secure)

    def renewal(self, request: HTTPConnection) -> tuple[bytes, bytes] | None:
        """The header that writes a browser's token anew, since somebody is there; at most once a minute.

        What a script of an open page asks for by itself is nobody's presence.
        """
        claims = self.claims(request.cookies.get(self.cookie, ""))
        asked_alone = request.scope["method"] in _SAFE_METHODS and "hx-request" in request.headers
        if claims is None or not claims.browser or asked_alone or self._clock() - claims.used < _RENEWED_AFTER:
            return None
        response = Response()
        self._set(response, self._write(claims), max(1, int(claims.since + EXPIRY_SECONDS - self._clock())))
        return b"set-cookie", response.headers["set-cookie"].encode()


class KnownStaff:
    """Finds out at the door who of the staff is asking, and keeps a browser's session from running out while it is used."""

    def __init__(self, app: ASGIApp, sessions: Sessions, security: SecurityLog | None = None) -> None:
        self._app = app
        self._sessions = sessions
        self._security = security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through; a request without a token costs nothing."""
        if scope["type"] == "http":
            request = HTTPConnection(scope)
            if token := self._sessions.token_of(request):
                try:
                    scope[_KNOWN] = await self._sessions.read(token)
                except Problem:
                    scope[_UNSAID] = True
                if scope.get(_KNOWN) is not None:
                    if _bearer(request) is None:
                        scope[_RENEWAL] = self._sessions.renewal(request)
                    send = self._watched(scope, send)
        await self._app(scope, receive, send)

    def _watched(self, scope: Scope, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                if (cookie := scope.get(_RENEWAL)) is not None:
                    message["headers"] = [*message.get("headers", ()), cookie]
                if message["status"] == 403 and self._security is not None:
                    staff, what = scope[_KNOWN], f"{scope['method']} {scope['path'][:120]}"
                    known = {"role": staff.role, "pack": staff.pack, "works_in": staff.department, "what": what}
                    self._security.note(Kind.REFUSED, staff.user, **known)
            await send(message)

        return watched


def _unsaid() -> Problem:
    return Problem(503, "unavailable", headers={"Retry-After": "2"})


def _bearer(request: HTTPConnection) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def comes_from_ourselves(request: Request) -> bool:
    """Whether a state-changing browser request was made by a page of ours.

    A page under `no-referrer` sends `Origin: null`; the browser's own `Sec-Fetch-Site` tells the truth then.
    """
    if request.headers.get("sec-fetch-site") == "same-origin":
        return True
    origin = request.headers.get("origin")
    own: frozenset[str] = getattr(request.app.state, "own_origins", frozenset())
    return origin is not None and origin.lower() in own


def is_foreign(request: Request) -> bool:
    """Whether somebody else's page made a request; programs send no Origin."""
    from_a_page = "origin" in request.headers or "sec-fetch-site" in request.headers
    return from_a_page and not comes_from_ourselves(request)


def guard_origin(request: Request) -> None:
    """FastAPI dependency for public forms: a POST from somebody else's page is refused; programs send no Origin."""
    if request.method not in _SAFE_METHODS and is_foreign(request):
        raise Problem(403, "foreign-origin")


async def current_staff(request: Request) -> Staff:
    """FastAPI dependency: the signed-in member of staff.

    Raises:
        SignInNeeded: a browser asked for a page without a session (redirect to sign-in).
        Problem: 401 for programs; 403 when a cookie arrives with a POST that no page of ours made; 503 while nobody can
            say who is a member of staff.
    """
    sessions: Sessions = request.app.state.sessions
    staff = sessions.of(request)
    by_cookie = _bearer(request) is None
    if sessions.is_unsaid(request):
        raise _unsaid()
    if staff is None:
        if by_cookie and ("text/html" in request.headers.get("accept", "") or "hx-request" in request.headers):
            raise SignInNeeded
        raise Problem(401, "not-authorised", headers={"WWW-Authenticate": "Bearer"})
    if by_cookie and request.method not in _SAFE_METHODS and not comes_from_ourselves(request):
        raise Problem(403, "foreign-origin")
    request.state.staff = staff
    return staff


def require(*roles: Role) -> Callable[[Request], Awaitable[Staff]]:
    """FastAPI dependency: the signed-in member of staff, refused with 403 unless they have one of the roles."""

    async def staff_with_role(request: Request) -> Staff:
        staff = await current_staff(request)
        if staff.role not in roles:
            raise Problem(403, "not-allowed")
        return staff

    return staff_with_role


def safe_next(wish: str | None, own_urls: tuple[str, ...], default: str) -> str:
    """Where to go after sign-in: only an address on one of our own four services, else the default.

    A relative path stays on the service that asks (`/desk`); `//host`, a backslash or a control character is refused.
    """
    if not wish or len(wish) > 2000 or "\\" in wish or any(ord(sign) < 0x21 for sign in wish):
        return default
    if wish.startswith("/") and not wish.startswith("//"):
        return wish
    return wish if origin_of(wish) in {origin_of(url) for url in own_urls} else default


def sign_in_address(router_url: str, here: str) -> str:
    """The router's sign-in page that comes back to `here`, an absolute address of ours."""
    return f"{router_url.rstrip('/')}/sign-in?next={quote(without_done(here), safe='')}"


def without_done(address: str) -> str:
    """An address without what was done before it: that was said once."""
    place, _, query = address.partition("?")
    kept = urlencode([(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "done"])
    return f"{place}?{kept}" if kept else place
