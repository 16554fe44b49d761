"""Keep policies current while a service runs, without ever being without one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from shared.policies.errors import PolicyError
from shared.policies.packs import FILES, KeptPack, Loaded, Packs, load_sound

#: What the files looked like: path, time of change in nanoseconds, size.
Signature = tuple[tuple[str, int, int], ...]


class PolicySource:
    """The packs of one folder, read again when a file changes.

    A pack that is refused leaves that pack as it was, and the others take their changes; `error` remembers what is
    wrong, so that readiness stays green while the metric and the log say that the last reload failed. With `kept`, the
    packs of an earlier process, this holds for the first reading too.

    Attributes:
        packs: those in force.
        good: their files by sub-folder, to be kept for the next process.
        held: departments that the files on disk leave out and that stay because of their open cases.
        stale: the sub-folders whose files on disk are refused, so that the last good ones are in force.
        error: what is wrong with the files on disk.

    Args:
        folder: with one sub-folder per pack.
        kept: the last good packs by sub-folder.
        owning: department → how many open cases it has; none of them may be left out.
    """

    def __init__(
        self,
        folder: Path,
        kept: Mapping[str, KeptPack] = MappingProxyType({}),
        owning: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Read the folder for the first time; raises PolicyError when there is nothing to fall back on either."""
        self._folder = folder
        self._signature = _signature(folder)
        loaded = load_sound(folder, kept, owning)
        if not loaded.packs.by_name:
            raise PolicyError(loaded.problems)
        self.packs: Packs = loaded.packs
        self._take(loaded)

    @property
    def differs(self) -> bool:
        """Whether a file has changed since the last reading. Costs a few `stat` calls."""
        return _signature(self._folder) != self._signature

    def refresh(self, owning: Mapping[str, int] = MappingProxyType({})) -> bool:
        """Read the folder again if it changed, or while departments are held; tells whether new packs are in force."""
        signature = _signature(self._folder)
        if signature == self._signature and not self.held:
            return False
        # Noted even when refused: the same broken files are not read over and over.
        self._signature = signature
        loaded = load_sound(self._folder, self.good, owning)
        changed = {name: pack.version for name, pack in loaded.packs.by_name.items()} != {
            name: pack.version for name, pack in self.packs.by_name.items()
        }
        if changed:
            self.packs = loaded.packs
        self._take(loaded)
        return changed

    def _take(self, loaded: Loaded) -> None:
        self.good, self.stale, self.held = loaded.good, loaded.stale, loaded.held
        self.error = PolicyError(loaded.problems) if loaded.problems else None

    @property
    def last_good(self) -> datetime | None:
        """Since when the oldest pack that stands in for refused files was good; none when that is not known."""
        moments = [since for name in self.stale if (since := self.good[name].since) is not None]
        return min(moments, default=None)


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
