"""The files with the keys that events are signed with: one per service, with its own and those of whom it reads (ADR 25)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from deploy.stack.errors import StackError
from deploy.stack.settings import StackSettings, load_settings
from deploy.stack.state import write_private
from shared.runtime.bootstrap import SERVICES
from shared.runtime.event_keys import EventKey, EventKeys, KeysUnusable, new_event_key, writers_read_by


def folder_of(settings: StackSettings | None = None) -> Path:
    """Where the files are: named by EVENT_KEYS_DIR, or in the state folder."""
    settings = settings or load_settings()
    given = settings.event_keys_dir
    return given.expanduser().absolute() if given else settings.home / "keys" / "events"


def make_missing(folder: Path) -> None:
    """Give every service its file; what is there stays. A writer's file comes last, after those of its readers.

    Raises:
        StackError: A file is there and cannot be used, or cannot be written.
    """
    rings = {service: _ring(folder, service) for service in SERVICES}
    for service, ring in rings.items():
        if not any(key.writer == service and key.signs for key in ring):
            _hand_out(folder, rings, new_event_key(service))
    for service, ring in rings.items():
        known = {key.key_id for key in ring}
        read = (key for writer in writers_read_by(service) for key in rings[writer] if key.writer == writer)
        missing = [key for key in read if key.key_id not in known]
        if missing:
            _write(folder, service, [*ring, *missing])


def read_all(folder: Path) -> EventKeys | None:
    """Every key there is, for the operator's commands; none where there is no such folder.

    Raises:
        StackError: A file cannot be used.
    """
    own = [key for service in SERVICES for key in _ring(folder, service) if key.writer == service]
    return EventKeys(own) if own else None


def rotate(folder: Path, writer: str, *, prepare: bool) -> EventKey:
    """Let a writer sign by a new key: its readers learn it first, then its own file names it. Old ones stay believed.

    Args:
        prepare: only the readers learn it; the same command without it goes on from there.

    Raises:
        StackError: There are no event keys, or a file cannot be used.
    """
    rings = {service: _ring(folder, service) for service in SERVICES}
    own = [key for key in rings[writer] if key.writer == writer]
    if not own:
        raise StackError(f"There are no event keys in {folder}", "Make them with `make up`, or name EVENT_KEYS_DIR")
    signing = max(n for n, key in enumerate(own) if key.signs)
    waiting = own[signing + 1 :]  # a key behind the one that signs was prepared
    key = waiting[-1] if waiting else new_event_key(writer, signs=False)
    if not waiting:
        _hand_out(folder, rings, key)
    if not prepare:
        for service in sorted(rings, key=lambda service: service == writer):
            ring = [replace(k, signs=k.key_id == key.key_id) if k.writer == writer else k for k in rings[service]]
            if any(k.writer == writer for k in ring):
                _write(folder, service, ring)
    return key


def forget(folder: Path, key_id: str) -> None:
    """Believe a key no longer.

    Raises:
        StackError: There is no such key, or its writer signs by it.
    """
    rings = {service: _ring(folder, service) for service in SERVICES}
    found = [key for ring in rings.values() for key in ring if key.key_id == key_id]
    if not found:
        raise StackError(f"There is no event key {key_id}", "See `redress keys list`")
    if any(key.signs for key in rings[found[0].writer] if key.key_id == key_id):
        raise StackError(
            f"{found[0].writer} signs by event key {key_id}", f"First: `redress keys rotate-events {found[0].writer}`"
        )
    for service, ring in rings.items():
        if any(key.key_id == key_id for key in ring):
            _write(folder, service, [key for key in ring if key.key_id != key_id])


def _hand_out(folder: Path, rings: dict[str, Sequence[EventKey]], key: EventKey) -> None:
    """Add a key to the files of its readers, then to its writer's."""
    for service in sorted(rings, key=lambda service: service == key.writer):
        if service == key.writer or key.writer in writers_read_by(service):
            rings[service] = [*rings[service], key]
            _write(folder, service, rings[service])


def _ring(folder: Path, service: str) -> Sequence[EventKey]:
    path = folder / f"{service}.json"
    if not path.exists():
        return ()
    try:
        return tuple(EventKeys.read(path))
    except KeysUnusable as error:
        raise StackError(f"The file {path} {error}", "Put the right file there") from None


def _write(folder: Path, service: str, keys: Iterable[EventKey]) -> None:
    path = folder / f"{service}.json"
    try:
        owner = path.stat() if path.exists() else None
        write_private(path, EventKeys(keys).written())
        if owner is not None and os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise StackError(f"The file {path} cannot be written: {error.strerror}", "Look at its folder") from None
