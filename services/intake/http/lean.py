"""Routes that keep their OpenAPI entry but read the request themselves.

The declared signature is the document; the endpoint gets the bare request. FastAPI's own handling of parameters, body
and answer costs more than everything intake does with a complaint. A test sends the same bad input to the declared
model and to the route, and compares the verdicts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.intake import metrics
from services.intake.domain.complaint import MAX_BODY_BYTES
from services.intake.handlers import Refusal
from services.intake.http.problems import answer, language_of
from shared.events.envelope import Language
from shared.runtime.errors import is_transient, safe_text
from shared.runtime.web import language as languages
from shared.runtime.web import media

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_GLANCE_SECONDS = 1.0
RATE = "redress.rate"
"""Where a request's scope has the function that says the headers of the caller's rate."""
_BODY = "redress.body"
"""Where a request's scope keeps the body once it is read: it comes only once."""
CLIENT = "redress.client"
"""Where it keeps the name of the channel client, once its key is known."""


class TooLarge(Exception):
    """The body is larger than the route takes."""


def guarded(endpoint: Endpoint, limit: int) -> Handler:
    """The endpoint with its refusals as problem details.

    Args:
        endpoint: gets the bare request.
        limit: bytes a body may have, for the words of a 413.
    """

    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return answer(request, error, await _spoken(request, error.language))
        if isinstance(error, TooLarge):
            return answer(request, Refusal("too-large"), limit=limit)
        if isinstance(error, ClientDisconnect):
            return Response(status_code=400)  # nobody reads it
        if not is_transient(error):
            raise error
        log.warning("database away", extra={"action": "unavailable", "error": safe_text(error)})
        away = Refusal("unavailable", retry_after=getattr(error, "retry_after", 2.0))
        return answer(request, away, await _spoken(request))

    async def handle(request: Request) -> Response:
        status = 500
        try:
            try:
                response = await endpoint(request)
            except Exception as error:
                response = await refused(request, error)
            status = response.status_code
            if (rate := request.scope.get(RATE)) is not None:
                response.raw_headers.extend(rate())
            return response
        finally:
            client = request.scope.get(CLIENT)
            if client is not None:
                metrics.count(client, status)

    return handle


def lean(handle: Handler) -> type[APIRoute]:
    """A route class whose requests go to `handle`."""

    class Lean(APIRoute):
        """Reads its requests itself."""

        def get_route_handler(self) -> Handler:
            return handle

    return Lean


class Json(Response):
    """A JSON answer with few headers, all known: the general class spends more on headers than on the body."""

    def __init__(self, body: str, status_code: int, *, replayed: bool = False, location: str | None = None) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body.encode()
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if replayed:
            self.raw_headers.append((b"idempotent-replayed", b"true"))
        if location is not None:
            self.raw_headers.append((b"location", location.encode()))


def header(request: Request, name: bytes) -> str:
    """The first header of that name (lower case), or "". `request.headers` costs several times as much."""
    for found, value in request.scope["headers"]:
        if found == name:
            text: str = value.decode("latin-1")
            return text
    return ""


async def read_json(request: Request, limit: int) -> bytes:
    """The body of a request that says it is JSON.

    Raises:
        Refusal: 415 when it says something else, or that it is compressed.
        TooLarge: see `read_body`.
        ClientDisconnect: see `read_body`.
    """
    if media.kind_of(request.scope["headers"], media.JSON) is None:
        raise Refusal("unsupported-media-type")
    return await read_body(request, limit)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to be larger than `limit` bytes.

    Raises:
        TooLarge: it is.
        ClientDisconnect: the client went away, or the door closed because it was too slow.
    """
    declared = header(request, b"content-length")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise TooLarge
    message = await request.receive()  # nearly always the whole body
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise TooLarge
    else:
        body = await _read_on(request, message, limit)
    request.scope[_BODY] = body
    return body


async def _spoken(request: Request, of_body: Language | None = None) -> Language | None:
    """The language to refuse in: one of ours that the caller accepts; else that of the body, which is read for it if
    nobody has, as far as it is small and quick to come; None: neither tells one.
    """
    if named := languages.named(header(request, b"accept-language")):
        return named
    if of_body is not None:
        return of_body
    raw = request.scope.get(_BODY)
    if raw is None:
        try:
            async with asyncio.timeout(_GLANCE_SECONDS):
                raw = await read_body(request, MAX_BODY_BYTES)
        except (TooLarge, ClientDisconnect, TimeoutError):
            return None
    return language_of(raw, request)


async def _read_on(request: Request, message: Any, limit: int) -> bytes:
    chunks, size = [], 0
    while True:  # how long it may take is the door's to judge
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await request.receive()


def idempotency_key(request: Request) -> UUID:
    """The header `Idempotency-Key`: a UUID, with or without the quotes of a structured header (RFC 8941).

    Raises:
        Refusal: 400 when it is missing or no UUID.
    """
    key = parse_key(header(request, b"idempotency-key").strip().strip('"'))
    if key is None:
        raise Refusal("idempotency-key-missing")
    return key


def parse_key(text: str) -> UUID | None:
    """A UUID in its usual form of 36 characters, or None. The nil UUID is what a client sends that forgot to make one."""
    if len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if found.int else None


def bearer(request: Request) -> str | None:
    """The credential of `Authorization: Bearer …`."""
    scheme, _, value = header(request, b"authorization").partition(" ")
    value = value.strip()
    return value if scheme.lower() == "bearer" and value else None
