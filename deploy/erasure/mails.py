"""Copies of mails in the local mail catcher."""

from __future__ import annotations

from collections.abc import Collection

import httpx

from deploy.stack.mail.references import REFERENCE


async def count_mails(address: str | None, references: Collection[str]) -> int | None:
    """How many there are about these complaints; None where there is no catcher, or it does not answer."""
    if not address:
        return None
    wanted = frozenset(references)
    try:
        async with httpx.AsyncClient(timeout=30) as http:
            answer = await http.get(f"{address.rstrip('/')}/api/messages")
            found = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    return sum(not wanted.isdisjoint(REFERENCE.findall(mail["subject"])) for mail in found)
