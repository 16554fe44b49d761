"""Searches bytes for text that must not stand there in clear, in the spellings it could have. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

SHORTEST = 6
"""Characters (bytes in UTF-8); shorter text is found by chance."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A text that must not be found, and what to call it in a report, which does not repeat it."""

    name: str
    spellings: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, text: str) -> Marker | None:
        """The marker of a text; None when it is too short to tell from chance."""
        raw = text.encode()
        if len(raw) < SHORTEST:
            return None
        spellings = {
            raw,
            json.dumps(text)[1:-1].encode(),
            quote(text, safe="").encode(),
            quote(text, safe="@+").encode(),
        }
        spellings.update(_base64_cores(raw))
        return cls(name, tuple(sorted(spellings)))

    def stands_in(self, blob: bytes) -> bool:
        """Whether any spelling occurs."""
        return any(spelling in blob for spelling in self.spellings)


def _base64_cores(raw: bytes) -> Iterator[bytes]:
    """What remains of a text in base64 wherever in the encoded bytes it begins (three alignments)."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        core = encoded[(0, 2, 3)[shift] : len(encoded) - (4 if (len(raw) + shift) % 3 else 0)]
        if len(core) >= 12:
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))


def found_in(blob: bytes, markers: Iterable[Marker]) -> list[str]:
    """The names of the markers that occur."""
    return [marker.name for marker in markers if marker.stands_in(blob)]
