"""Problem details (RFC 9457) of the channel API: status and words from one table, in the caller's language."""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.complaint import MAX_BODY_BYTES
from services.intake.domain.faults import Fault, in_language
from services.intake.domain.wording import PROBLEMS
from services.intake.handlers import Refusal
from shared.events.envelope import Language
from shared.runtime.web import language as languages

MEDIA_TYPE: Final = "application/problem+json"


# OpenAPI's references are absolute, so the schema of a problem is one piece without references.
_ERROR: Final = {
    "type": "object",
    "required": ["field", "pointer", "code", "detail"],
    "properties": {
        "field": {"type": "string", "description": "dotted path, such as customer.phone; empty: the whole body"},
        "pointer": {"type": "string", "description": "the same as a JSON Pointer (RFC 6901)"},
        "code": {"type": "string"},
        "detail": {"type": "string", "description": "why, in the caller's language"},
    },
}
SCHEMA: Final = {
    "type": "object",
    "title": "ProblemDetails",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {"type": "array", "items": _ERROR},
    },
}


def document(
    slug: str,
    language: Language,
    faults: Sequence[Fault] = (),
    instance: str | None = None,
    limit: int = MAX_BODY_BYTES,
) -> dict[str, Any]:
    """The members of a problem."""
    status, title, detail = PROBLEMS[slug]
    zh = language == "zh"
    found: dict[str, Any] = {
        "type": f"urn:redress:problem:{slug}",
        "title": title.zh if zh else title.en,
        "status": status,
        "detail": (detail.zh if zh else detail.en).format(limit=limit),
    }
    if instance is not None:
        found["instance"] = instance
    if faults:
        found["errors"] = [_entry(fault) for fault in faults]
    return found


def answer(
    request: Request, refusal: Refusal, language: Language | None = None, limit: int = MAX_BODY_BYTES
) -> Response:
    """The response for a refusal, in the given language or else the one the caller accepts."""
    spoken = language or languages.accepted(request.headers.get("accept-language", ""))
    said = document(refusal.slug, spoken, in_language(refusal.faults, spoken), request.url.path, limit)
    headers = {
        "Content-Language": languages.HTML_LANG[spoken],
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    if said["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="redress"'
    return Response(
        json.dumps(said, ensure_ascii=False).encode(),
        status_code=said["status"],
        headers=headers,
        media_type=MEDIA_TYPE,
    )


_OBJECT: Final = TypeAdapter(dict[str, Any])


def language_of(raw: bytes, request: Request) -> Language:
    """The language to refuse a body in: one of ours that the caller accepts by name; else the body's own `language`,
    else that of the first entry of a batch that tells one; else Chinese.
    """
    if named := languages.named(request.headers.get("accept-language", "")):
        return named
    told = _object(raw)
    return _told_in(told) or _of_entries(told) or languages.DEFAULT


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return _OBJECT.validate_json(raw)
    except ValidationError:
        return {}


def _told_in(entry: Any) -> Language | None:
    said = entry.get("language") if isinstance(entry, dict) else None
    return "zh" if said == "zh" else "en" if said == "en" else None


def _of_entries(told: dict[str, Any]) -> Language | None:
    entries = told.get("complaints")
    return next(filter(None, map(_told_in, entries)), None) if isinstance(entries, list) else None


def documented(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse so: what OpenAPI says about each status."""
    found: dict[int | str, dict[str, Any]] = {}
    for slug in slugs:
        status, title, _ = PROBLEMS[slug]
        told = found.get(status)
        said = f"{told['description']}; {title.en}" if told else title.en
        found[status] = {
            "description": said,
            "content": {MEDIA_TYPE: {"schema": SCHEMA}},
        }
    return found


def _entry(fault: Fault) -> dict[str, str]:
    steps = fault.pointer.split("/")[1:]
    dotted = ".".join(step.replace("~1", "/").replace("~0", "~") for step in steps)
    return {"field": dotted, **fault.as_json()}
