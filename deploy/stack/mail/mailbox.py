"""Where caught messages are kept: append-only segment files, so that a killed catcher loses nothing it acknowledged."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SEGMENTS = 4


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
        with self._lock:
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
            with self._path(entry.segment).open("rb") as file:
                file.seek(entry.offset)
                return file.read(entry.size)
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


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
