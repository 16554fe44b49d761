"""Where caught messages are kept: append-only segment files, so that a killed catcher loses nothing it acknowledged."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from deploy.stack.mail.references import references_in

_SEGMENTS = 4
_FORGOTTEN = "forgotten"
"""The file that says of which complaints no message is kept: references, one a line."""
_GONE = b'{"from": "", "to": [], "at": 0, "size": 0, "gone": true}\n'
"""Stands where a message was that had to go, so that the others keep their numbers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the index: who, and where its bytes are."""

    id: int
    sender: str
    recipients: tuple[str, ...]
    received_at: float
    segment: int
    offset: int
    size: int


class Mailbox:
    """The last `keep` messages, oldest dropped first.

    A segment file is named by the id of its first message and holds, for each message, a line of JSON and the bytes. The
    last one is written on after a restart. What the operating system took (`write` returned) survives the death of this
    process, however it comes; only a machine that loses power may lose the last messages.

    Args:
        folder: Where the segments lie; made when missing.
        keep: How many messages to keep at least; up to a quarter more are kept.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self._per_segment = max(1, keep // _SEGMENTS)
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._next_id = 1
        self._file: int | None = None
        self._segment = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = folder / _FORGOTTEN
        self._forgotten = frozenset(known.read_text("ascii").split()) if known.is_file() else frozenset[str]()
        segments = self._segments()
        for segment in segments:
            self._load(segment)
        if segments:
            self._reopen(segments[-1])

    def add(self, sender: str, recipients: tuple[str, ...], content: bytes) -> int:
        """Keep a message; when this returns, the operating system has it. Returns its id.

        Raises:
            OSError: it could not be kept, and nothing of it was.
        """
        about = references_in(content) if self._forgotten else frozenset()
        with self._lock:
            if not self._forgotten.isdisjoint(about):  # a mail that was on its way while its recipient was erased
                return self._next_id - 1
            if self._file is None or self._next_id - self._segment >= self._per_segment:
                self._open_segment()
            assert self._file is not None
            now = time.time()
            head = {"from": sender, "to": recipients, "at": now, "size": len(content)}
            line = json.dumps(head, ensure_ascii=False).encode() + b"\n"
            begin = os.lseek(self._file, 0, os.SEEK_END)
            offset = begin + len(line)
            try:
                _write_all(self._file, line + content)
            except OSError:
                # Half a message would hide all that come after it from the next start.
                self._cut(begin)
                raise
            entry = Entry(self._next_id, sender, recipients, now, self._segment, offset, len(content))
            self._entries.append(entry)
            self._next_id += 1
            return entry.id

    def entries(self) -> list[Entry]:
        """The index, newest first."""
        with self._lock:
            return self._entries[::-1]

    def find(self, message_id: int) -> Entry | None:
        """The message with this id, unless it is gone."""
        with self._lock:
            return next((entry for entry in reversed(self._entries) if entry.id == message_id), None)

    def content(self, entry: Entry) -> bytes | None:
        """The bytes as they came, or `None` when they were dropped in the meantime."""
        try:
            with self._lock:  # a segment may be written anew; who has opened it reads on in the old one
                place = bisect_left(self._entries, entry.id, key=lambda known: known.id)
                found = self._entries[place] if place < len(self._entries) else None
                if found is None or found.id != entry.id:
                    return None
                file = self._path(found.segment).open("rb")
            with file:
                file.seek(found.offset)
                return file.read(found.size)
        except FileNotFoundError:
            return None

    def clear(self) -> None:
        """Forget every message; ids go on counting."""
        with self._lock:
            self._entries.clear()
            if self._file is not None:
                os.close(self._file)
                self._file = None
            for segment in self._segments():
                self._path(segment).unlink(missing_ok=True)
            self._open_segment()  # its name keeps the number of the next message

    def forget(self, references: Collection[str]) -> list[int]:
        """Delete the messages about these complaints, and keep none that comes later; answers the ids of those there were.

        A segment that holds some is written anew without them and takes the old one's place, so that a crash leaves the
        one or the other.
        """
        with self._lock:
            self._forgotten |= frozenset(references)
            _replace(self._folder / _FORGOTTEN, "".join(f"{one}\n" for one in sorted(self._forgotten)).encode())
            gone = [number for segment in self._segments() for number in self._thin_out(segment)]
            dropped = frozenset(gone)
            self._entries = [entry for entry in self._entries if entry.id not in dropped]
            return gone

    def _thin_out(self, segment: int) -> list[int]:
        whole = self._path(segment).read_bytes()
        gone = {
            entry.id
            for entry in self._entries
            if entry.segment == segment
            and not self._forgotten.isdisjoint(references_in(whole[entry.offset : entry.offset + entry.size]))
        }
        if not gone:
            return []
        pieces: list[bytes] = []
        at, number = 0, segment
        while at < len(whole):
            line_end = whole.index(b"\n", at) + 1
            end = line_end + int(json.loads(whole[at:line_end])["size"])
            pieces.append(_GONE if number in gone else whole[at:end])
            at, number = end, number + 1
        _replace(self._path(segment), b"".join(pieces))
        self._moved(segment, pieces)
        if segment == self._segment and self._file is not None:
            os.close(self._file)
            self._reopen(segment)
        return sorted(gone)

    def _moved(self, segment: int, pieces: list[bytes]) -> None:
        """The messages of a segment that was written anew lie elsewhere in it."""
        ends = list(accumulate(map(len, pieces)))
        self._entries = [
            replace(entry, offset=ends[entry.id - segment] - entry.size) if entry.segment == segment else entry
            for entry in self._entries
        ]

    def close(self) -> None:
        """Release the open file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _open_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._reopen(self._next_id)
        self._drop_oldest()

    def _reopen(self, segment: int) -> None:
        self._segment = segment
        self._file = os.open(self._path(segment), os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)

    def _drop_oldest(self) -> None:
        """Drop a segment when those after it hold what is to be kept: restarts make segments of any length."""
        segments = self._segments()
        while len(segments) > 1 and self._next_id - segments[1] >= self._keep:
            oldest = segments.pop(0)
            self._path(oldest).unlink(missing_ok=True)
            self._entries = [entry for entry in self._entries if entry.segment != oldest]

    def _cut(self, end: int) -> None:
        assert self._file is not None
        try:
            os.ftruncate(self._file, end)
        except OSError:  # write on elsewhere; reading stops at the half one, which is the last of its segment
            os.close(self._file)
            self._file = None

    def _segments(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.mail") if path.stem.isdigit())

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:012}.mail"

    def _load(self, segment: int) -> None:
        """Read a segment's index; a message cut off by a crash was never acknowledged and is cut away."""
        path = self._path(segment)
        number = max(segment, self._next_id)
        end = 0
        total = path.stat().st_size
        with path.open("rb") as file:
            for line in iter(file.readline, b""):
                try:
                    head = json.loads(line)
                    size = int(head["size"])
                    offset = file.tell()
                    entry = Entry(number, head["from"], tuple(head["to"]), head["at"], segment, offset, size)
                except (ValueError, KeyError, TypeError):
                    break
                end = offset + size
                if end > total:
                    end = offset - len(line)
                    break
                if not head.get("gone"):
                    self._entries.append(entry)
                number += 1
                file.seek(end)
        if end < total:
            with contextlib.suppress(OSError):
                os.truncate(path, end)
        self._next_id = number


def matching(entries: list[Entry], *, to: str | None, since: int, limit: int | None) -> Iterator[Entry]:
    """Pick messages to an address (compared without case) that came after the one with id `since`."""
    wanted = to.casefold() if to else None
    left = len(entries) if limit is None else limit
    for entry in entries:
        if left <= 0 or entry.id <= since:
            return
        if wanted is None or any(wanted == recipient.casefold() for recipient in entry.recipients):
            left -= 1
            yield entry


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.replace(path)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
