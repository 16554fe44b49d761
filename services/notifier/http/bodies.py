"""What customers may send, as a form or as JSON; the same limits for both."""

import json
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from services.notifier.domain.actions import Action
from services.notifier.http.customers import MAX_TEXT, Said, tidy
from shared.runtime.web import language as languages
from shared.runtime.web import media
from shared.runtime.web.forms import MAX_BYTES
from shared.runtime.web.problems import Problem, explain
from shared.text import has_content, one_line_end


def _said(text: str) -> str:
    if not has_content(text):
        raise PydanticCustomError("blank", "nothing to read")
    return text


Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT), AfterValidator(_said)
]


class Body(BaseModel):
    """Unknown fields are ignored: browsers send the button's name along."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


About = Annotated[
    UUID | None,
    BeforeValidator(lambda value: value or None),
    Field(description="the question or resolution it is about, as the page or `about` told it; another one now: 409"),
]


class Reply(Body):
    """The answer to the department's question."""

    answer: Words
    about: About = None


class Addition(Body):
    """Something the department should know."""

    text: Words


class Confirmation(Body):
    """The customer says that it is settled; nothing more to say."""

    about: About = None


class Dispute(Body):
    """The customer says that it is not settled, and why."""

    text: Words
    about: About = None


class Rating(Body):
    """One to five points, and a word of advice."""

    rating: Annotated[int, Field(ge=1, le=5)]
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)] = ""


MODELS: dict[Action, type[Body]] = {
    "reply": Reply,
    "add": Addition,
    "confirm": Confirmation,
    "dispute": Dispute,
    "rate": Rating,
}
FIELDS: dict[Action, Literal["answer", "text", "comment", ""]] = {
    "reply": "answer",
    "add": "text",
    "confirm": "",
    "dispute": "text",
    "rate": "comment",
}


_FORM_NAMES: dict[str, str] = {"add_text": "text", "dispute_text": "text"}
"""Two forms of one page cannot both have a field whose id is `text`."""


def form_name(action: Action, field: str) -> str:
    """What a field is called in the page's form."""
    return f"{action}_{field}" if f"{action}_{field}" in _FORM_NAMES else field


async def values_of(request: Request) -> dict[str, Any]:
    """The fields of a form or of a JSON object, at most 256 KiB; of no body at all, none.

    Raises:
        Problem: 413, 415 when it says to be neither or is compressed, 422 when it is not what it says.
    """
    told = "content-type" in request.headers or "content-encoding" in request.headers
    kind = media.check(request, media.JSON, media.FORM) if told else None
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BYTES:
            raise Problem(413, "too-large")
    if kind is None and raw:
        media.check(request, media.JSON, media.FORM)
    found = _object(request, bytes(raw)) if kind == media.JSON else _form(bytes(raw))
    return {_FORM_NAMES.get(str(name), str(name)): value for name, value in found.items()}


def _object(request: Request, raw: bytes) -> dict[str, Any]:
    media.refuse_said_twice(request, raw)
    try:
        found: Any = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise _invalid(request, "json_invalid") from None
    if not isinstance(found, dict):
        raise _invalid(request, "dict_type")
    return found


def _invalid(request: Request, kind: str) -> Problem:
    """What is wrong with a whole body, by pydantic's name for it."""
    fields = explain([{"type": kind}], request.app.state.look.texts, languages.of(request))
    return Problem(422, "invalid", errors=fields)


def _form(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=50)
        return {name: str(one_line_end(value)) for name, value in pairs}
    except ValueError:
        raise Problem(422, "not-a-form") from None


def said_of(action: Action, values: dict[str, Any]) -> Said:
    """The action with its words.

    Raises:
        ValidationError: a field is missing, too long, or out of range.
    """
    field = FIELDS[action]
    if field == "comment" and not has_content(str(values.get(field, ""))):
        values = {**values, field: ""}
    cleaned = {**values, field: tidy(values[field])} if isinstance(values.get(field), str) else values
    body = MODELS[action].model_validate(cleaned)
    return Said(
        action=action,
        text=getattr(body, field) if field else "",
        rating=getattr(body, "rating", None),
        about=getattr(body, "about", None),
    )
