"""Which personal text stands in clear in the bytes of a place, and where. Pure but for counting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from deploy.audit.search import Marker, found_in
from deploy.audit.snapshot import Leak

_EMAIL = re.compile(rb"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(rb"\+[1-9][0-9]{7,14}(?![0-9])")


@dataclass(slots=True)
class ClearText:
    """What must not be found: planted markers, and the contacts and words of the customers we know.

    Attributes:
        markers: looked for everywhere.
        contacts: addresses and phone numbers of all customers, as bytes in lower case.
        words: the beginning of each complaint's text and its sender's name, looked for in that complaint's records.
    """

    markers: tuple[Marker, ...] = ()
    contacts: frozenset[bytes] = frozenset()
    words: Mapping[UUID, tuple[Marker, ...]] = field(default_factory=dict)
    leaks: dict[Leak, None] = field(default_factory=dict)
    scanned: int = 0

    def search(self, blob: bytes | None, where: str, complaint_id: UUID | None = None) -> None:
        """Look through one place, such as a record's value; what is found is added to `leaks`."""
        if not blob:
            return
        self.scanned += 1
        found = found_in(blob, self.markers)
        if complaint_id is not None:
            found += found_in(blob, self.words.get(complaint_id, ()))
        if self.contacts and (self._known(_EMAIL, blob) or self._known(_PHONE, blob)):
            found.append("a customer's address or phone number")
        for what in found:
            self.leaks[Leak(what, where, complaint_id)] = None

    def _known(self, pattern: re.Pattern[bytes], blob: bytes) -> bool:
        return any(match.lower() in self.contacts for match in pattern.findall(blob))


def planted(texts: Iterable[str]) -> tuple[Marker, ...]:
    """The markers an operator or a test names, numbered so that a report need not repeat them."""
    made = (Marker.of(f"planted marker {number}", text) for number, text in enumerate(texts, 1))
    return tuple(marker for marker in made if marker is not None)


def words_of(name: str | None, text: str | None) -> tuple[Marker, ...]:
    """What of a complaint's own words can be told from chance: a longer name, the first forty characters of the text."""
    made = []
    if name and len(name.encode()) >= 9:
        made.append(Marker.of("the customer's name", name))
    if text and len(text) >= 12:
        made.append(Marker.of("the customer's words", text[:40].split("\n")[0]))
    return tuple(marker for marker in made if marker is not None)
