"""Who of the staff is asking: one signed token, as a cookie for browsers and as a bearer for programs."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from shared.runtime.web.problems import Problem
from shared.runtime.web.security import origin_of

COOKIE = "redress_session"
EXPIRY_SECONDS = 8 * 3600
"""One shift. There is no renewal: a changed role is in force after eight hours at the latest."""

Role = Literal["handler", "lead", "agent", "office", "operator"]
ROLES: tuple[Role, ...] = ("handler", "lead", "agent", "office", "operator")

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Staff:
    """A signed-in member of staff. `departments` are all they may act for; `department` is their own."""

    user: str
    name: str
    role: Role
    department: str
    departments: tuple[str, ...] = ()

    def may_act_for(self, department: str) -> bool:
        """Whether cases of this department are theirs. The complaints office's wider rights are the router's rule."""
        return department == self.department or department in self.departments


class SignInNeeded(Exception):  # says what is needed, not what broke
    """A page was asked for without a valid session; answered with a redirect to the router's sign-in."""


class _Signer(TimestampSigner):
    """A signer whose clock is given, so that expiry can be tested without waiting."""

    def __init__(self, *args: Any, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class Sessions:
    """Issues and reads session tokens. All four services share the key file."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        if len(key) < 32:
            raise ValueError("the session key must have at least 32 bytes")
        self._serializer = URLSafeTimedSerializer(
            key, salt="redress-session-v1", signer=_Signer, signer_kwargs={"clock": clock}
        )

    @classmethod
    def from_file(cls, path: Path) -> "Sessions":
        """Read the key from SESSION_KEY_FILE, raw bytes or text; a line end after it is part of it."""
        return cls(path.read_bytes())

    def issue(self, staff: Staff) -> str:
        """A token that is valid for eight hours."""
        return str(self._serializer.dumps(asdict(staff)))

    def read(self, token: str) -> Staff | None:
        """The staff member a token names, or None when it is forged, damaged or older than eight hours."""
        try:
            held = self._serializer.loads(token, max_age=EXPIRY_SECONDS)
            if held["role"] not in ROLES:
                return None
            return Staff(**{**held, "departments": tuple(held["departments"])})
        except (BadData, KeyError, TypeError):
            return None

    def of(self, request: HTTPConnection) -> Staff | None:
        """Who is asking, by `Authorization: Bearer` or else by cookie."""
        if bearer := _bearer(request):
            return self.read(bearer)
        cookie = request.cookies.get(COOKIE)
        return self.read(cookie) if cookie else None

    def keep(self, response: Response, staff: Staff, *, secure: bool) -> None:
        """Sign the browser in. `secure` when the page came over https."""
        response.set_cookie(
            COOKIE, self.issue(staff), max_age=EXPIRY_SECONDS, httponly=True, samesite="lax", secure=secure, path="/"
        )

    @staticmethod
    def drop(response: Response) -> None:
        """Sign the browser out."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


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


def guard_origin(request: Request) -> None:
    """FastAPI dependency for public forms: a POST from somebody else's page is refused; programs send no Origin."""
    foreign = "origin" in request.headers or "sec-fetch-site" in request.headers
    if request.method not in _SAFE_METHODS and foreign and not comes_from_ourselves(request):
        raise Problem(403, "foreign-origin")


async def current_staff(request: Request) -> Staff:
    """FastAPI dependency: the signed-in member of staff.

    Raises:
        SignInNeeded: a browser asked for a page without a session (redirect to sign-in).
        Problem: 401 for programs; 403 when a cookie arrives with a POST that no page of ours made.
    """
    sessions: Sessions = request.app.state.sessions
    staff = sessions.of(request)
    by_cookie = _bearer(request) is None
    if staff is None:
        if by_cookie and "text/html" in request.headers.get("accept", ""):
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
    return f"{router_url.rstrip('/')}/sign-in?next={quote(here, safe='')}"
