"""Keep policies current while a service runs, without ever being without one."""

from __future__ import annotations

from pathlib import Path

from shared.policies.errors import PolicyError
from shared.policies.packs import FILES, Packs, load_packs

#: What the files looked like: path, time of change in nanoseconds, size.
Signature = tuple[tuple[str, int, int], ...]


class PolicySource:
    """The packs of one folder, read again when a file changes.

    A changed folder that is refused leaves the packs as they were and is remembered in `error`, so that readiness stays
    green while the metric and the log say that the last reload failed.
    """

    def __init__(self, folder: Path) -> None:
        """Read the folder for the first time; raises PolicyError, since there is nothing to fall back on."""
        self._folder = folder
        self._signature = _signature(folder)
        self.packs: Packs = load_packs(folder)
        self.error: PolicyError | None = None

    def refresh(self) -> bool:
        """Read the folder again if it changed; tells whether new packs are in force. Costs a few `stat` calls."""
        signature = _signature(self._folder)
        if signature == self._signature:
            return False
        # Noted even when refused: the same broken files are not read over and over.
        self._signature = signature
        try:
            self.packs = load_packs(self._folder)
        except PolicyError as error:
            self.error = error
            return False
        self.error = None
        return True


def _signature(folder: Path) -> Signature:
    found = []
    for path in sorted(folder.glob("*/*.yaml")):
        if path.name in FILES:
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)
