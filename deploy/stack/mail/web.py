"""The catcher's HTTP side: `GET /api/messages`, `DELETE /api/messages`, `POST /api/forget` and the pages."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Iterator
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from deploy.stack.mail import pages
from deploy.stack.mail.decode import decode
from deploy.stack.mail.mailbox import Entry, Mailbox, matching
from deploy.stack.mail.references import REFERENCE

_ON_PAGE = 100
_CONNECTIONS = 128
_DECODED = 1000
_FORGET_BYTES = 1 << 20
_PAGE_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
_PAGE_POLICY += "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
#: What a caught message may do: nothing. Its own styles show, pictures only when they are inside the message.
_MESSAGE_POLICY = (
    f"sandbox {pages.SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


class Reader:
    """Decodes messages for readers and remembers the newest ones as JSON, because tests poll."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self._decoded: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def as_json(self, entry: Entry) -> bytes | None:
        """The message as JSON, or `None` when it was dropped in the meantime."""
        with self._lock:
            known = self._decoded.get(entry.id)
        if known is not None:
            return known
        content = self.mailbox.content(entry)
        if content is None:
            return None
        text = json.dumps(decode(entry, content), ensure_ascii=False).encode("utf-8", "replace")
        with self._lock:
            self._decoded[entry.id] = text
            while len(self._decoded) > _DECODED:
                del self._decoded[next(iter(self._decoded))]
        return text

    def message(self, entry: Entry) -> dict[str, Any] | None:
        """The message decoded."""
        text = self.as_json(entry)
        return None if text is None else json.loads(text)

    def forget(self, references: Collection[str]) -> int:
        """Delete what was sent about these complaints; answers how many mails."""
        gone = self.mailbox.forget(references)
        with self._lock:
            for entry in gone:
                self._decoded.pop(entry, None)
        return len(gone)


class MailWebServer(ThreadingHTTPServer):
    """Serves one mailbox on 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, mailbox: Mailbox) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.reader = Reader(mailbox)
        self._room = threading.BoundedSemaphore(_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own; beyond what there may be, close it at once."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As the standard library's, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


def _may_be_ours(host: str) -> bool:
    """Whether a `Host` is an address or a name of this network: whoever points a name of the Internet here has a dot in it."""
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    if "." not in name.rstrip("."):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class _BadRequestError(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    server: MailWebServer
    protocol_version = "HTTP/1.1"
    server_version = "redress"
    sys_version = ""
    timeout = 30

    def parse_request(self) -> bool:
        """A name of somebody else that leads here, as a page may make one (DNS rebinding), opens no mail."""
        if not super().parse_request():
            return False
        if not _may_be_ours(self.headers.get("Host", "")):
            self.close_connection = True
            self._problem(421, "This is the mail catcher of 127.0.0.1")
            return False
        return True

    def do_GET(self) -> None:
        try:
            self._get()
        except _BadRequestError as error:
            self._problem(400, str(error))
        except ValueError:  # urlsplit's, parse_qs's
            self._problem(400, "The address cannot be read")

    do_HEAD = do_GET  # noqa: N815 - the name is the standard library's

    def do_DELETE(self) -> None:
        self.close_connection = True  # a body, which nothing here reads, must not be taken for the next request
        if urlsplit(self.path).path != "/api/messages":
            self._problem(404, "No such page")
            return
        self.server.reader.mailbox.clear()
        self._send(204, "", b"")

    def do_POST(self) -> None:
        self.close_connection = True
        if urlsplit(self.path).path == "/api/forget":
            self._forget()
            return
        if urlsplit(self.path).path != "/clear":
            self._problem(404, "No such page")
            return
        # A form on another site must not be able to press our button.
        origin = self.headers.get("Origin", "")
        if urlsplit(origin).netloc != self.headers.get("Host"):
            self._problem(403, "The form was not on this page")
            return
        self.server.reader.mailbox.clear()
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _forget(self) -> None:
        """Delete the mails about these references, and take none about them any more: `{"references": ["R-…"]}`.

        Programs alone send JSON; a form on another site cannot.
        """
        length = self.headers.get("Content-Length", "")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind != "application/json" or not _is_number(length) or int(length) > _FORGET_BYTES:
            self._problem(400, "JSON with references is wanted")
            return
        try:
            told = json.loads(self.rfile.read(int(length)))["references"]
            found = [reference for reference in told if REFERENCE.fullmatch(reference)]
        except (ValueError, KeyError, TypeError):
            self._problem(400, "JSON with references is wanted")
            return
        gone = self.server.reader.forget(found)
        self._send(200, "application/json", json.dumps({"deleted": gone}).encode())

    def _get(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match url.path.strip("/").split("/"):
            case [""]:
                self._list(query)
            case ["api", "messages"]:
                self._api(query)
            case ["api", "last"]:
                newest = self.server.reader.mailbox.entries()[:1]
                self._send(200, "application/json", json.dumps({"id": newest[0].id if newest else 0}).encode())
            case ["livez"] | ["readyz"]:
                self._send(200, "text/plain", b"ok\n")
            case ["page.css"]:
                self._send(200, "text/css; charset=utf-8", pages.STYLE.encode())
            case ["page.js"]:
                self._send(200, "text/javascript; charset=utf-8", pages.SCRIPT.encode())
            case ["messages", name, *rest]:
                self._message(name, rest)
            case _:
                self._problem(404, "No such page")

    def _api(self, query: dict[str, str]) -> None:
        limit = _number(query, "limit")
        since = _number(query, "since") or 0
        entries = self.server.reader.mailbox.entries()
        chosen = matching(entries, to=query.get("to"), since=since, limit=limit)
        self._stream(self._json_array(chosen))

    def _json_array(self, entries: Iterator[Entry]) -> Iterator[bytes]:
        separator = b"["
        for entry in entries:
            text = self.server.reader.as_json(entry)
            if text is not None:
                yield separator + text
                separator = b",\n"
        yield b"[]\n" if separator == b"[" else b"]\n"

    def _list(self, query: dict[str, str]) -> None:
        reader = self.server.reader
        entries = reader.mailbox.entries()
        to = query.get("to", "")
        chosen = list(matching(entries, to=to or None, since=0, limit=_ON_PAGE))
        messages = [message for entry in chosen if (message := reader.message(entry)) is not None]
        last = entries[0].id if entries else 0
        total = len(entries) if not to else len(list(matching(entries, to=to, since=0, limit=None)))
        language = self._language(query)
        self._page(200, pages.list_page(messages, total=total, last=last, to=to, language=language), query)

    def _message(self, name: str, rest: list[str]) -> None:
        query = {key: values[-1] for key, values in parse_qs(urlsplit(self.path).query).items()}
        number = name.removesuffix(".eml")
        entry = self.server.reader.mailbox.find(int(number)) if _is_number(number) else None
        message = self.server.reader.message(entry) if entry else None
        if entry is None or message is None:
            self._page(404, pages.gone_page(self._language(query)), query)
        elif rest == ["html"]:
            html = _HEAD.sub(r'\g<0><base target="_blank">', message["html"], count=1)
            self._send(200, "text/html; charset=utf-8", html.encode("utf-8", "replace"), _MESSAGE_POLICY)
        elif name.endswith(".eml"):
            self._send(200, "message/rfc822", self.server.reader.mailbox.content(entry) or b"")
        else:
            self._page(200, pages.message_page(message, self._language(query)), query)

    def _language(self, query: dict[str, str]) -> pages.Language:
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:  # one odd cookie spoils the header
            cookie = SimpleCookie()
        chosen = query.get("lang") or (cookie["lang"].value if "lang" in cookie else "")
        if chosen in {"zh", "en"}:
            return "zh" if chosen == "zh" else "en"
        return "zh" if self.headers.get("Accept-Language", "").lower().startswith("zh") else "en"

    def _page(self, status: int, html: str, query: dict[str, str]) -> None:
        extra = {}
        if query.get("lang") in {"zh", "en"}:
            extra["Set-Cookie"] = f"lang={query['lang']}; Path=/; SameSite=Lax; Max-Age=31536000"
        self._send(status, "text/html; charset=utf-8", html.encode("utf-8", "replace"), _PAGE_POLICY, extra)

    def _problem(self, status: int, title: str) -> None:
        problem = {"type": "about:blank", "title": title, "status": status}
        self._send(status, "application/problem+json", json.dumps(problem).encode())

    def _send(
        self,
        status: int,
        kind: str,
        body: bytes,
        policy: str = "default-src 'none'",
        extra: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self._common_headers(policy)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, pieces: Iterator[bytes]) -> None:
        """Send JSON piece by piece: thousands of messages must not be in memory at once."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self._common_headers("default-src 'none'")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        buffer = bytearray()
        for piece in pieces:
            buffer += piece
            if len(buffer) > 65536:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(buffer), bytes(buffer)))
                buffer.clear()
        if buffer:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(buffer), bytes(buffer)))
        self.wfile.write(b"0\r\n\r\n")

    def _common_headers(self, policy: str) -> None:
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing: addresses of customers do not belong in a log."""


def _number(query: dict[str, str], name: str) -> int | None:
    if name not in query:
        return None
    text = query[name]
    if not _is_number(text):
        raise _BadRequestError(f"{name} must be a number")
    return int(text)


def _is_number(text: str) -> bool:
    """Whether `int` takes it: ASCII digits alone ("²" is a digit, too), and not so many that it refuses them."""
    return text.isascii() and text.isdigit() and len(text) < 16
