"""Errors as people and programs need them: RFC 9457 problem details for APIs, a plain page in their language for browsers.

Nothing of the input is ever repeated, and an unexpected error shows only an id that is also in the log.
"""

import logging
import math
import traceback
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import asyncpg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import MEDIA_TYPE, PREFIX, code_of
from shared.runtime.errors import is_transient
from shared.runtime.web import language as languages
from shared.runtime.web import request_id
from shared.runtime.web.texts import Catalogue, Language, Text

if TYPE_CHECKING:
    from shared.runtime.web.look import Look

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FieldError:
    """Which field is wrong and why: `field` is dotted (`customer.email`), `pointer` the same as a JSON Pointer (RFC 6901);
    `detail` is in the caller's language.
    """

    field: str
    pointer: str
    code: str
    detail: str


class Problem(Exception):  # the name RFC 9457 gives it
    """An answer that is not a success.

    Title and detail come from the texts `problem.CODE.title` and `problem.CODE.detail` in the caller's language, filled
    with `values`; `title` and `detail` given here win. `type` becomes `urn:redress:problem:CODE`. Code and status are a
    row of `shared/problems.py` (a test looks at every place that raises one).
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        title: str | Text | None = None,
        detail: str | Text | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        values: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code
        self.title, self.detail, self.errors = title, detail, tuple(errors)
        self.headers, self.values = dict(headers or {}), dict(values or {})

    def said(self, part: str, texts: Catalogue, language: Language) -> str | None:
        """`title` or `detail` in a language; None when there is nothing to say."""
        given: str | Text | None = self.title if part == "title" else self.detail
        if isinstance(given, Text):
            return given.fill(language, self.values, html=False)
        if given is not None:
            return given
        key = f"problem.{self.code}.{part}"
        return texts.say(key, language, **self.values) if key in texts else None

    def document(
        self, texts: Catalogue, language: Language, instance: str | None = None, request: str | None = None
    ) -> dict[str, Any]:
        """The RFC 9457 members, and the id of the request."""
        title = self.said("title", texts, language) or HTTPStatus(self.status).phrase
        found = {
            "type": f"{PREFIX}{self.code}",
            "title": title,
            "status": self.status,
            "detail": self.said("detail", texts, language),
            "instance": instance,
            "request_id": request,
            "errors": [asdict(error) for error in self.errors] or None,
        }
        return {name: value for name, value in found.items() if value is not None}


def explain(errors: Iterable[Mapping[str, Any]], texts: Catalogue, language: Language) -> tuple[FieldError, ...]:
    """Pydantic's errors in plain words of a language, without the values that caused them.

    The words are the texts `problem.why.CODE`; a model may raise `PydanticCustomError(CODE, ...)` for words of its own.
    """
    return tuple(_explain_one(error, texts, language) for error in errors)


def _explain_one(error: Mapping[str, Any], texts: Catalogue, language: Language) -> FieldError:
    code, key = code_of(str(error["type"])), f"problem.why.{code_of(str(error['type']))}"
    # A key of JSON may hold half a character, which no answer could be written with.
    parts = (str(part).encode("utf-8", "replace").decode() for part in error.get("loc", ()))
    where = [part for part in parts if part not in {"body", "query", "header", "path"}]
    if code == "not_json":
        where = []  # the place is an offset in the text, no field
    if key not in texts:
        code, key = "not_acceptable", "problem.why.not_acceptable"
    context = error.get("ctx") or {}
    limits = [context[name] for name in ("max_length", "min_length", "le", "ge") if name in context]
    values = {"expected": context.get("expected", ""), "limit": limits[0] if limits else ""}
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in where)
    return FieldError(".".join(where), pointer, code, texts.say(key, language, **values))


def wants_page(request: Request) -> bool:
    """Whether the one who asks is a browser showing pages; the versioned API always answers JSON."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


def answer(request: Request, problem: Problem, words: Sequence[str] = ()) -> Response:
    """The response for a problem: a page for a browser, else problem details. `words` were typed and stand on that page,
    where no form can take them any more.
    """
    look: Look = request.app.state.look
    spoken = languages.of(request)
    here = None if problem.status >= 500 else request.url.path
    document = problem.document(look.texts, spoken, here, request_id.of(request.scope))
    if wants_page(request):
        page = look.render(
            request,
            "problem.html",
            status=problem.status,
            problem=document,
            typed=request.method == "POST",
            words=words,
        )
        page.headers.update(problem.headers)
        return page
    headers = {"Content-Language": languages.HTML_LANG[spoken], "Cache-Control": "no-store", **problem.headers}
    return JSONResponse(document, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


class ErrorBoundary:
    """Turns an unexpected error into a 500 that says only an id, and logs that id with the place where it happened.

    The error's own message is not logged: drivers put values into it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass through; answer only when nothing was sent yet."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            if not started:
                await Response(status_code=400)(scope, receive, send)  # nobody reads it
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            if _is_unwritable(error):
                await answer(Request(scope, receive), Problem(422, "unwritable"))(scope, receive, send)
                return
            error_id = request_id.of(scope) or uuid.uuid4().hex[:12]
            frames = traceback.extract_tb(error.__traceback__)[-6:]
            place = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
            extra = {"action": "http_error", "error_id": error_id, "error": type(error).__qualname__, "place": place}
            _log.error("request failed", extra=extra)
            response = answer(Request(scope, receive), _for_caller(error, error_id))
            await response(scope, receive, send)


def _is_unwritable(error: Exception) -> bool:
    """Whether a text holds what Postgres has no place for: NUL, or half a character."""
    refused = (UnicodeEncodeError, asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
    return isinstance(error, refused)


def _for_caller(error: Exception, error_id: str) -> Problem:
    """503 with a time to come back when waiting can heal it (the database is away), else 500 with the id alone."""
    if is_transient(error):
        seconds = max(1, math.ceil(getattr(error, "retry_after", 1.0)))
        return Problem(503, "unavailable", headers={"Retry-After": str(seconds)})
    return Problem(500, "unexpected", values={"id": error_id})
