"""Which bodies are taken: JSON where an API says so, forms where a page does, nothing compressed (RFC 9110 §8.3, §8.4)."""

import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.web import language as languages
from shared.runtime.web.problems import FieldError, Problem

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
Headers = Iterable[tuple[bytes, bytes]]


def kind_of(headers: Headers, *taken: str) -> str | None:
    """Which of the taken types a body declares; None when it is none of them, or compressed. Told nothing, it is JSON
    where JSON alone is taken.

    Args:
        headers: of the request, as ASGI has them: names in lower case.
        taken: `JSON` (any `+json` type counts as that) or `FORM`.
    """
    declared, coded = b"", b""
    for name, value in headers:
        if name == b"content-type":
            declared = value
        elif name == b"content-encoding":
            coded = value
    if coded and coded.strip().lower() != b"identity":
        return None
    if not declared and taken == (JSON,):
        return JSON  # no type is told (RFC 9110 §8.3 lets us look), and there is one it can be
    if declared == b"application/json":  # nearly always
        return JSON if JSON in taken else None
    kind = declared.partition(b";")[0].strip().lower().decode("latin-1")
    if kind.startswith("application/") and kind.endswith("+json"):
        kind = JSON
    return kind if kind in taken else None


def answers(*taken: str) -> dict[str, str]:
    """The headers of a 415: what would have been taken (RFC 9110 §15.5.16)."""
    return {"Accept": ", ".join(taken), "Accept-Encoding": "identity"}


def check(request: Request, *taken: str) -> str:
    """Which of the taken types a request's body has.

    Raises:
        Problem: 415 when it has none of them, or is compressed.
    """
    kind = kind_of(request.scope["headers"], *taken)
    if kind is None:
        values = {"types": ", ".join(taken)}
        raise Problem(415, "unsupported-media-type", headers=answers(*taken), values=values)
    return kind


class _SaidTwice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _SaidTwice(next(name for name in names if names.count(name) > 1))
    return found


def refuse_said_twice(request: Request, raw: bytes) -> None:
    """Refuse JSON in which a name stands twice in one object: each reader would take another one of them.

    Raises:
        Problem: 422 with the name.
    """
    try:
        json.loads(raw, object_pairs_hook=_once)
    except _SaidTwice as twice:
        name = str(twice).encode("utf-8", "replace").decode()
        said = request.app.state.look.texts.say("problem.why.said_twice", languages.of(request))
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        raise Problem(422, "invalid", errors=[FieldError(name, pointer, "said_twice", said)]) from None
    except (ValueError, RecursionError):
        return  # the model says what is wrong with it


class JsonRoute(APIRoute):
    """A route whose requests with a body take JSON alone; looked at before the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI makes, behind the check."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def checked(request: Request) -> Response:
            check(request, JSON)
            refuse_said_twice(request, await request.body())
            return await handle(request)

        return checked
