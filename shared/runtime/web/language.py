"""Which language a page speaks: what the address asks for, else what was chosen before, else the browser's, else Chinese."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.web.texts import LANGUAGES, Language

COOKIE = "lang"
DEFAULT: Language = "zh"
HTML_LANG: dict[Language, str] = {"zh": "zh-Hans", "en": "en"}
"""The value of the `lang` attribute: screen readers and font choice need the script."""

_YEAR = 365 * 24 * 3600


def of(request: Request) -> Language:
    """The language for this request. Never fails: an unknown or malformed wish falls through to the next source."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        for language in LANGUAGES:
            if wish == language:
                return language
    return accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> Language:
    """The best of ours for an Accept-Language header; Chinese when none fits."""
    return named(header) or DEFAULT


def named(header: str) -> Language | None:
    """The best of ours that an Accept-Language header names (RFC 9110, 12.5.4); `*` names none."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        wishes.append((-quality, place, tag.strip().lower()))
    for quality, _, tag in sorted(wishes):
        for language in LANGUAGES:
            if quality < 0 and (tag == language or tag.startswith(f"{language}-")):
                return language
    return None


def remember(request: Request, response: Response) -> None:
    """Keep a language that the address asked for. One cookie serves all four services: cookies ignore ports."""
    wish = request.query_params.get("lang")
    if wish in LANGUAGES and request.cookies.get(COOKIE) != wish:
        response.set_cookie(COOKIE, wish, max_age=_YEAR, samesite="lax", path="/", secure=is_secure(request))


def is_secure(request: Request) -> bool:
    """Whether cookies may go over https alone: people reach us so, or this request came so."""
    return bool(getattr(request.app.state, "secure", False)) or request.url.scheme == "https"


def same_page(request: Request, at: str | None, language: Language) -> str:
    """The address of this page in another language: path and filters stay. `at`: its path, where a form was sent to another.

    The path itself is not repeated: one that begins with `//` would name another host.
    """
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"{at or ''}?{urlencode([*kept, ('lang', language)])}"
