"""The HTTP shell of a service: FastAPI without its own telemetry, one span and one histogram per request, health."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from opentelemetry.trace import Status, StatusCode
from prometheus_client import Histogram
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime import metrics
from shared.runtime.telemetry import Tracing, current_traceparent
from shared.runtime.web import request_id

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = ("/static/", "/livez", "/readyz")
Health = Callable[[], Awaitable[tuple[int, dict[str, Any]]]]


class Observed:
    """Pure ASGI: the server span, below the caller's `traceparent`, and the request histogram."""

    def __init__(self, app: ASGIApp, service: str, tracing: Tracing) -> None:
        self._app = app
        self._service = service
        self._tracing = tracing
        self._timers: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request inside its span."""
        if scope["type"] != "http" or scope["path"].startswith(_QUIET):
            await self._app(scope, receive, send)
            return
        parent = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"traceparent"), None)
        span, context = self._tracing.start_request(
            f"{scope['method']} {self._service}", parent, {"http.request.method": scope["method"]}
        )
        known_as = request_id.take(scope)
        token, named = current_traceparent.set(context), request_id.current.set(known_as)
        status = 500
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            current_traceparent.reset(token)
            request_id.current.reset(named)
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"]
            timer = self._timers.get((method, route, status))
            if timer is None:  # as many as there are methods, routes and statuses
                known = method if method in _METHODS else "other"
                timer = metrics.REQUESTS.labels(self._service, known, route, status)
                if known == method:
                    self._timers[method, route, status] = timer
            timer.observe(time.perf_counter() - started)
            if span is not None:
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("redress.request_id", known_as)
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))
                span.end()


def make_app(name: str, title: str, description: str, tracing: Tracing, ready: Health, alive: Health) -> FastAPI:
    """The FastAPI application of a service, with `/livez` and `/readyz`; metrics and documents are on the operators' port."""
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # such a redirect goes to whatever host the request named
        strict_content_type=False,  # `media.JsonRoute` is stricter with what is told, and milder with what is not
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(Observed, service=name, tracing=tracing)

    async def livez(request: Request) -> Response:
        return await answer_of(alive)

    async def readyz(request: Request) -> Response:
        return await answer_of(ready)

    app.add_route("/livez", livez, include_in_schema=False)
    app.add_route("/readyz", readyz, include_in_schema=False)
    return app


async def answer_of(health: Health) -> Response:
    """A probe's answer."""
    status, body = await health()
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
