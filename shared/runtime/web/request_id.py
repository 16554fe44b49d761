"""The id of a request: the caller's own `X-Request-Id`, or one of ours; answered, logged, on the span, in problems."""

import contextvars
import re
import secrets
from typing import Final

from starlette.types import Scope

HEADER: Final = b"x-request-id"
_KEY: Final = "redress.request_id"
_OURS: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

current: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
"""Of the request being answered; every log line has it."""


def take(scope: Scope) -> str:
    """Find or make the id of a request and keep it in its scope.

    What a caller sends counts when it has 1 to 64 letters, digits and `._:-`; anything else is replaced, not cut.
    """
    found: str | None = scope.get(_KEY)
    if found is None:
        for name, value in scope["headers"]:
            if name == HEADER and _OURS.fullmatch(value):
                found = value.decode("ascii")
                break
        scope[_KEY] = found = found or secrets.token_hex(8)
    return found


def of(scope: Scope) -> str | None:
    """The id of a request that was observed; None for others (health, static files)."""
    found: str | None = scope.get(_KEY)
    return found
