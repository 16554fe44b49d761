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
from shared.problems import MEDIA_TYPE, PREFIX, status_of
from shared.runtime.web import language as languages
from shared.runtime.web import media, request_id


def document(
    slug: str,
    language: Language,
    faults: Sequence[Fault] = (),
    instance: str | None = None,
    limit: int = MAX_BODY_BYTES,
    request: str | None = None,
) -> dict[str, Any]:
    """The members of a problem."""
    title, detail = PROBLEMS[slug]
    zh = language == "zh"
    found: dict[str, Any] = {
        "type": PREFIX + slug,
        "title": title.zh if zh else title.en,
        "status": status_of(slug),
        "detail": (detail.zh if zh else detail.en).format(limit=limit),
    }
    if instance is not None:
        found["instance"] = instance
    if request is not None:
        found["request_id"] = request
    if faults:
        found["errors"] = [_entry(fault) for fault in faults]
    return found


def answer(
    request: Request, refusal: Refusal, language: Language | None = None, limit: int = MAX_BODY_BYTES
) -> Response:
    """The response for a refusal, in the given language or else the one the caller accepts."""
    spoken = language or languages.accepted(request.headers.get("accept-language", ""))
    here, known_as = request.url.path, request_id.of(request.scope)
    said = document(refusal.slug, spoken, in_language(refusal.faults, spoken), here, limit, known_as)
    headers = {
        "Content-Language": languages.HTML_LANG[spoken],
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    if said["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="redress"'
    if said["status"] == 415:
        headers |= media.answers(media.JSON)
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


def _entry(fault: Fault) -> dict[str, str]:
    steps = fault.pointer.split("/")[1:]
    dotted = ".".join(step.replace("~1", "/").replace("~0", "~") for step in steps)
    return {"field": dotted, **fault.as_json()}
