"""Copies of mails that were sent: the local stack's mail catcher keeps them, and must not keep an erased person's."""

from collections.abc import Awaitable, Callable, Sequence

import httpx

from shared.runtime.errors import Transient

_PATIENCE = 10.0


def forget_at(address: str) -> Callable[[Sequence[str]], Awaitable[None]]:
    """Deletes the copies of mails about complaints at a mail catcher; does nothing where there is none (`""`)."""

    async def forget(references: Sequence[str]) -> None:
        if not address or not references:
            return
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE) as http:
                answer = await http.post(f"{address.rstrip('/')}/api/forget", json={"references": list(references)})
        except httpx.HTTPError as error:
            raise Transient(f"the mail catcher does not answer ({type(error).__name__})") from None
        if answer.status_code != httpx.codes.OK:
            raise Transient(f"the mail catcher answers {answer.status_code}")

    return forget
