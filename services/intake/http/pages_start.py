"""The customers' start page, and the one that leads staff and partners to their places."""

from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.http.pages_parts import Parts, admit, look_of
from shared.events.reference import BadReference, parse_reference
from shared.runtime.web.forms import read_form
from shared.runtime.web.security import origin_of
from shared.runtime.web.sessions import guard_origin

_TOKEN_PATH = "/c/"  # noqa: S105  # a path, not a password
_LONGEST = 500


def start_routes(parts: Parts) -> APIRouter:
    """`/`, the search for one's own complaint, `/partners`, and where each service says how it is."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def start(request: Request) -> Response:
        return look_of(request).render(request, "start.html", found=None, wrong=False, typed="")

    @router.post("/find", dependencies=[Depends(guard_origin)])
    async def find(request: Request) -> Response:
        admit(request, parts.limits)
        typed = (await read_form(request))["find"][:_LONGEST]
        look = look_of(request)
        link = progress_link(typed, look.urls.notifier)
        if link is not None:
            return RedirectResponse(link, status_code=303, headers={"Cache-Control": "no-store"})
        try:
            reference = parse_reference(typed)
        except BadReference:
            return look.render(request, "start.html", status=422, found=None, wrong=True, typed=typed)
        return look.render(request, "start.html", found=reference, wrong=False, typed=typed)

    @router.get("/partners")
    async def partners(request: Request) -> Response:
        return look_of(request).render(request, "partners.html")

    @router.get("/health")
    async def health(request: Request) -> Response:
        return look_of(request).render(request, "health.html")

    return router


def progress_link(typed: str, notifier: str) -> str | None:
    """The private progress page a pasted link leads to, on our own notifier alone; None when it is no such link."""
    if origin_of(typed) != origin_of(notifier):
        return None
    path = urlsplit(typed).path
    token = path.removeprefix(_TOKEN_PATH)
    plain = token.isascii() and token.replace("-", "").replace("_", "").isalnum()
    return f"{notifier.rstrip('/')}{_TOKEN_PATH}{token}" if path.startswith(_TOKEN_PATH) and plain else None
