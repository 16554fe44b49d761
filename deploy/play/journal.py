"""What was already played of a file, so that an interrupted run goes on where it stopped.

One text file per (file content, pack, channel): the first line holds the anchor, the moment that "received three days ago"
counts from; it must not move, else a line played again would be another complaint under the same key. Every further line
is the key of an accepted entry.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from deploy.stack.errors import StackError


class Journal:
    """The accepted keys of one file, kept in `folder`."""

    def __init__(self, folder: Path, source: Path, pack: str, channel: str | None, intake: str) -> None:
        self._path = folder / f"{_digest(source, pack, channel, intake)}.journal"
        self._done: set[UUID] = set()
        self.anchor = datetime.now(UTC).replace(microsecond=0)
        if not self._read():
            folder.mkdir(parents=True, exist_ok=True)
            head = {"anchor": self.anchor.isoformat(), "file": source.name, "pack": pack}
            self._path.write_text(json.dumps(head) + "\n", encoding="utf-8")
        self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def __contains__(self, key: UUID) -> bool:
        return key in self._done

    def add(self, key: UUID) -> None:
        """Remember an accepted entry."""
        if key not in self._done:
            self._done.add(key)
            self._file.write(f"{key}\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> bool:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            self.anchor = datetime.fromisoformat(json.loads(lines[0])["anchor"])
        except (OSError, ValueError, LookupError, TypeError):
            return False
        for line in lines[1:]:
            with contextlib.suppress(ValueError):  # a line cut short by a kill: that entry is simply sent again
                self._done.add(UUID(line))
        return True


def _digest(source: Path, pack: str, channel: str | None, intake: str) -> str:
    digest = hashlib.sha256("\n".join((pack, channel or "", intake)).encode())
    try:
        with source.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise StackError(f"{source} cannot be read: {error.strerror}", "Name a readable file") from None
    return digest.hexdigest()[:24]
