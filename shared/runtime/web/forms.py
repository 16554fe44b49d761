"""Reading a posted form: bounded in size, time and number of fields, UTF-8 only.

What people type is counted in characters, bytes are what a browser makes of them: nine for one of Chinese. So far more
bytes are taken than the longest text of any form needs, and a text that is too long comes back on its page to be cut.
"""

import asyncio
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.runtime.web import media
from shared.runtime.web.problems import Problem

BYTES_PER_CHARACTER = 9
"""Of a percent-encoded body at most, by UTF-16 unit: three bytes of UTF-8, each written as %XX."""
MAX_BYTES = 256 * 1024
"""Room for 29,000 Chinese characters. A page whose text is longer keeps it in the browser (`page.js`)."""
MAX_FIELDS = 200
READ_SECONDS = 15.0


class Form(Mapping[str, str]):
    """What was posted. `form["name"]` is the last value, stripped, and "" when the field was not sent. A line end is the one
    character that was typed, not the two that browsers send for it.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = [(name, value.replace("\r\n", "\n").replace("\r", "\n")) for name, value in pairs]
        self._last = {name: value.strip() for name, value in self._pairs}

    def __getitem__(self, name: str) -> str:
        return self._last.get(name, "")

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def all(self, name: str) -> list[str]:
        """Every value of a field with several, such as checkboxes."""
        return [value for sent, value in self._pairs if sent == name]


class Errors(dict[str, str]):
    """What is wrong, by field; a field without an error has "". Templates write `errors.email`."""

    def __missing__(self, field: str) -> str:
        """Nothing is wrong with this field."""
        return ""


async def read_form(request: Request) -> Form:
    """The form in a request's body.

    Raises:
        Problem: 415 for another type (no page of ours sends files) or a compressed one, 413 over 256 KiB, 408 when the body dribbles in,
            422 when it is not UTF-8 or has more fields than any form of ours.
    """
    media.check(request, media.FORM)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise Problem(413, "too-large", headers={"Connection": "close"})
    except TimeoutError:
        raise Problem(408, "too-slow", headers={"Connection": "close"}) from None
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", encoding="utf-8", max_num_fields=MAX_FIELDS
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Problem(422, "not-a-form") from None
    return Form(pairs)
