"""Reads what lies outside our own stores: the mail catcher's mailbox, log files, the trace viewer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx

from deploy.audit.clear_text import ClearText
from deploy.audit.snapshot import Mail
from deploy.audit.spool import Spool
from deploy.stack.errors import StackError

_TOKEN = re.compile(r"/c/([A-Za-z0-9_-]+)")
_MOST_TRACES = 2_000


async def read_mailbox(url: str, spool: Spool) -> bool:
    """Put every message of the mail catcher into the spool; answers whether it still has all it ever received.

    Raises:
        StackError: it does not answer.
    """
    spool.clear_mails()
    oldest = 0
    try:
        async with (
            httpx.AsyncClient(timeout=60) as http,
            http.stream("GET", f"{url.rstrip('/')}/api/messages") as answer,
        ):
            answer.raise_for_status()
            async for message in _messages(answer):
                oldest = int(message.get("id", 0))
                spool.add_mails((mail_of(message),))
    except (httpx.HTTPError, ValueError) as error:
        raise StackError(
            f"The mail catcher at {url} does not answer ({type(error).__name__})", "See `make status`"
        ) from error
    return oldest == 1


async def _messages(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The array that the catcher streams, a message per line: a mailbox of 20,000 is 200 MB."""
    rest = b""
    async for piece in answer.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            text = line.removeprefix(b"[").removesuffix(b"]").removesuffix(b",")
            if text:
                yield json.loads(text)


def mail_of(message: dict[str, Any]) -> Mail:
    """One message of `GET /api/messages`."""
    headers = {name.lower(): value for name, value in message.get("headers", {}).items()}
    envelope = message.get("envelope", {}).get("to")
    recipients = envelope if envelope else [part.strip() for part in str(message.get("to", "")).split(",")]
    links = f"{message.get('text', '')}\n{message.get('html', '')}"
    return Mail(
        message_id=str(headers.get("message-id", "")).strip(),
        recipients=tuple(sorted(str(recipient).lower() for recipient in recipients)),
        subject=str(message.get("subject", "")),
        tokens=tuple(sorted(set(_TOKEN.findall(links)))),
    )


def search_logs(folders: Iterable[Path], clear_text: ClearText) -> None:
    """Search every line of every log file below the folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*.log*")) if folder.is_dir() else ():
            try:
                with path.open("rb") as file:
                    for line in file:
                        clear_text.search(line, f"the log {path.name}")
            except OSError as error:
                raise StackError(f"{path} cannot be read: {error.strerror}", "Run as its owner") from None


async def search_traces(url: str | None, clear_text: ClearText) -> None:
    """Search what the trace viewer holds; nothing where it is switched off.

    Raises:
        StackError: it does not answer, so that nobody can say that no trace holds what a customer wrote.
    """
    if not url:
        return
    base = url.rstrip("/").removesuffix("/zipkin")
    try:
        async with httpx.AsyncClient(timeout=60) as http:
            services = (await http.get(f"{base}/api/v2/services")).raise_for_status().json()
            for service in services:
                query = {"serviceName": service, "limit": _MOST_TRACES, "lookback": 7 * 86_400_000}
                answer = (await http.get(f"{base}/api/v2/traces", params=query)).raise_for_status()
                answer.json()
                clear_text.search(answer.content, f"the traces of {service}")
    except (httpx.HTTPError, ValueError) as error:
        raise StackError(
            f"I17 cannot be checked: the trace viewer at {url} does not answer ({type(error).__name__})",
            "See `make status`, or bring the stack up with REDRESS_TRACES=0",
        ) from error
