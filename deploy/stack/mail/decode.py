"""Turns the bytes of a message into what people and tests want to read."""

from __future__ import annotations

import email
import email.utils
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message
from typing import Any

from deploy.stack.mail.mailbox import Entry


def decode(entry: Entry, content: bytes) -> dict[str, Any]:
    """Return the message as the JSON of `GET /api/messages`; broken input gives what can be read of it."""
    message = email.message_from_bytes(content)
    headers: dict[str, str] = {}
    for name, value in message.items():
        text = header_text(str(value))
        headers[name] = f"{headers[name]}\n{text}" if name in headers else text
    sender = email.utils.parseaddr(str(message.get("From", "")))[1] or entry.sender
    bodies, attachments = _parts(message)
    return {
        "id": entry.id,
        "received_at": _iso(entry.received_at),
        "from": sender,
        "to": ", ".join(entry.recipients),
        "subject": next((text for name, text in headers.items() if name.lower() == "subject"), ""),
        "text": bodies.get("text/plain", ""),
        "html": bodies.get("text/html", ""),
        "headers": headers,
        "attachments": attachments,
        "envelope": {"from": entry.sender, "to": list(entry.recipients)},
    }


def header_text(raw: str) -> str:
    """Decode the encoded words of a header and undo its folding."""
    unfolded = raw.replace("\r\n", "").replace("\n", "")
    if "=?" not in unfolded:
        return _as_utf8(unfolded)
    try:
        pieces = decode_header(unfolded)
        return "".join(
            piece.decode(charset or "ascii", "replace") if isinstance(piece, bytes) else piece
            for piece, charset in pieces
        )
    except (LookupError, ValueError):
        return unfolded


def _as_utf8(text: str) -> str:
    """Headers with raw UTF-8 (SMTPUTF8) come as surrogates; make them text again."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _parts(message: Message) -> tuple[dict[str, str], list[str]]:
    bodies: dict[str, str] = {}
    attachments: list[str] = []
    for part in message.walk():
        if part.is_multipart():
            continue
        name = part.get_filename()
        if name or part.get_content_disposition() == "attachment":
            attachments.append(header_text(name or "attachment"))
        elif part.get_content_type() in {"text/plain", "text/html"}:
            bodies.setdefault(part.get_content_type(), _text(part))
    return bodies, attachments


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(payload)
    try:
        text = payload.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        text = payload.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
