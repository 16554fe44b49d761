"""Response headers every answer carries. Pure ASGI: no task per request, no buffering."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.runtime.web import request_id


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as browsers send them in `Origin`; "" for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def content_policy(own_urls: Iterable[str] = ()) -> str:
    """Everything from ourselves, nothing inline; forms may go on to our own services (sign-in lives at the router)."""
    origins = " ".join(sorted({origin_of(url) for url in own_urls}))
    return (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action 'self' {origins}".rstrip()
    )


class SecurityHeaders:
    """Sets the headers that a route has not set itself, and tells the id of the request."""

    def __init__(self, app: ASGIApp, own_urls: Iterable[str] = ()) -> None:
        self._app = app
        headers = {
            "Content-Security-Policy": content_policy(own_urls),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        self._raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        self._missing: dict[tuple[bytes, ...], list[tuple[bytes, bytes]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through; touch only the start of an HTTP response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                message["headers"] = [*given, *self._missing_in(tuple([name for name, _ in given]))]
                if (known_as := request_id.of(scope)) is not None:
                    message["headers"].append((request_id.HEADER, known_as.encode()))
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _missing_in(self, names: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
        found = self._missing.get(names)
        if found is None:  # as many as our routes have sets of headers
            there = {name.lower() for name in names}
            found = self._missing[names] = [pair for pair in self._raw if pair[0] not in there]
        return found
