"""Puts the look into a FastAPI application: static files, headers, sessions, problems."""

from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from shared.runtime.security_log import SecurityLog
from shared.runtime.web import language as languages
from shared.runtime.web.head import HeadAsGet
from shared.runtime.web.look import Look
from shared.runtime.web.openapi import install_openapi
from shared.runtime.web.problems import ErrorBoundary, Problem, answer, explain
from shared.runtime.web.resuming import answer_sign_in
from shared.runtime.web.security import SecurityHeaders
from shared.runtime.web.sessions import KnownStaff, Sessions, SignInNeeded

_NAMES = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 503: "unavailable"}


def install_web(app: FastAPI, look: Look, sessions: Sessions, security: SecurityLog | None = None) -> None:
    """Serve `/static/...`, tell the API (`app.openapi()`), answer errors as problems or pages, set the headers, and let the dependencies of
    `shared.runtime.web.sessions` find their parts in `app.state`. Call it once, after the app is made.
    """
    app.state.look = look
    app.state.sessions = sessions
    app.state.own_origins = look.own_origins
    app.state.secure = look.own_url_base.lower().startswith("https:")
    app.add_route("/static/{name:path}", look.assets.serve, methods=["GET"], include_in_schema=False)
    install_openapi(app, look.own_url_base)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(SignInNeeded, _on_sign_in)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(KnownStaff, sessions=sessions, security=security)
    app.add_middleware(ErrorBoundary)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders, own_urls=look.urls.own)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(request, error)


async def _on_sign_in(request: Request, error: Exception) -> Response:
    return await answer_sign_in(request)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    look: Look = request.app.state.look
    fields = explain(error.errors(), look.texts, languages.of(request))
    return answer(request, Problem(422, "invalid", errors=fields))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = _NAMES.get(error.status_code, "refused")
    if error.status_code != 405:
        return answer(request, Problem(error.status_code, name, headers=error.headers))
    allowed = ", ".join(sorted(_methods(request)))
    return answer(request, Problem(405, name, headers={"Allow": allowed}, values={"allowed": allowed}))


def _methods(request: Request) -> set[str]:
    """What the address of a request takes. The framework tells the methods of the first route alone that fits it."""
    found = {
        method
        for route in _routes(request.app.routes)
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return found | {"HEAD"} if "GET" in found else found


def _routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every route, also those of included routers (`Service.serves` includes them as they are, without a prefix)."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _routes(included.routes)
