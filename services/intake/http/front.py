"""The short way of the hot route: `POST /v1/complaints` is answered before the framework looks for a route.

FastAPI's middlewares and nested routers cost more than filing a complaint. The route stands in the application as
every other (its documents come from there, and a request that got past the front would be answered there by the same
function); the front only spares the way. It keeps what the way does: the server span, the histogram, the boundary for
unexpected errors, the protective headers.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake.http.lean import Handler
from shared.runtime.http import Observed
from shared.runtime.telemetry import Tracing
from shared.runtime.web.problems import ErrorBoundary
from shared.runtime.web.security import SecurityHeaders

PATH: Final = "/v1/complaints"


class _Route:
    """What the histogram and the span read of a route."""

    path = PATH


_ROUTE: Final = _Route()


class Front:
    """Pure ASGI, around all of the framework's middlewares: one comparison for every request, the short way for one
    path.
    """

    def __init__(self, app: ASGIApp, *, service: str, tracing: Tracing, handle: Handler) -> None:
        self._app = app
        self._handle = handle
        self._hot = SecurityHeaders(Observed(ErrorBoundary(self._answer), service, tracing))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the hot route; pass everything else on."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self._hot(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = _ROUTE
        response = await self._handle(Request(scope, receive))
        await response(scope, receive, send)
