"""Which personal text stands in clear in the bytes of a place, and where. Pure but for counting."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
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
    contacts: frozenset[bytes] | Contacts = frozenset()
    words: Mapping[UUID, tuple[Marker, ...]] = field(default_factory=dict)
    leaks: dict[Leak, None] = field(default_factory=dict)
    scanned: int = 0

    def search(self, blob: bytes | None, where: str, complaint_id: UUID | None = None) -> None:
        """Look through one place, such as a record's value; what is found is added to `leaks`."""
        self.search_all((blob,), where, complaint_id)

    def search_all(self, blobs: Iterable[bytes | None], where: str, complaint_id: UUID | None = None) -> None:
        """Look through the parts of one place at once, such as a record's value, key and headers."""
        parts = [blob for blob in blobs if blob]
        if not parts:
            return
        self.scanned += len(parts)
        blob = b"\n".join(parts)
        found = found_in(blob, self.markers)
        if complaint_id is not None:
            found += found_in(blob, self.words.get(complaint_id, ()))
        # Hardly any place holds the signs without which there is no address and no number.
        if self.contacts and (
            (b"@" in blob and self._known(_EMAIL, blob)) or (b"+" in blob and self._known(_PHONE, blob))
        ):
            found.append("a customer's address or phone number")
        for what in found:
            self.leaks[Leak(what, where, complaint_id)] = None

    def _known(self, pattern: re.Pattern[bytes], blob: bytes) -> bool:
        return any(match.lower() in self.contacts for match in pattern.findall(blob))


class Contacts:
    """Customers' addresses and phone numbers, eight bytes for each: enough to tell them from any other text."""

    def __init__(self) -> None:
        self._marks: array[int] = array("Q")
        self._sorted = True

    def add(self, contact: str) -> None:
        """Know one more."""
        self._marks.append(_mark(contact.lower().encode()))
        self._sorted = False

    def __len__(self) -> int:
        return len(self._marks)

    def __contains__(self, contact: object) -> bool:
        if not isinstance(contact, bytes):
            return False
        if not self._sorted:
            self._marks = array("Q", sorted(self._marks))
            self._sorted = True
        mark = _mark(contact)
        place = bisect_left(self._marks, mark)
        return place < len(self._marks) and self._marks[place] == mark


def _mark(contact: bytes) -> int:
    return int.from_bytes(blake2b(contact, digest_size=8).digest())


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
