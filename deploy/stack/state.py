"""The state folder `.redress/`: its version stamp, its owner, and the secrets of this stack."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.stack import kafka, postgres
from deploy.stack.errors import StackError

#: Raised when the layout of the folder changes so that an older one cannot be used.
FORMAT = 1
_STAMP = {"format": FORMAT, "postgres": postgres.MAJOR, "kafka": kafka.VERSION}
#: Readable words without ambiguous letters, for passwords that people type once.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class StateFolder:
    """The state of one stack.

    Args:
        home: The folder; made on `open`.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keys = home / "keys"
        self._stamp = home / "VERSION"

    def open(self) -> None:
        """Make the folder, or check that it is ours to use.

        Raises:
            StackError: It belongs to another user, was written by another version, or cannot be written.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._check_owner()
            self._check_version()
            self.keys.mkdir(exist_ok=True, mode=0o700)
            if not self._stamp.exists():
                self._stamp.write_text(json.dumps(_STAMP) + "\n")
        except OSError as error:
            raise StackError(
                f"The state folder {self.home} cannot be used: {error.strerror}",
                "Make it writable, or choose another with REDRESS_HOME",
            ) from error

    def key_file(self, name: str, *, as_text: bool = False) -> Path:
        """Return a file with 32 random bytes, or with 64 hexadecimal digits, made at the first call."""
        path = self.keys / name
        if not path.exists():
            write_private(path, secrets.token_hex(32).encode() if as_text else secrets.token_bytes(32))
        return path

    def passwords(self, name: str, owners: Iterable[str], length: int = 24) -> dict[str, str]:
        """Return one password per owner from a private file, adding those that are missing."""
        path = self.keys / f"{name}.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [owner for owner in owners if owner not in known]
        if missing:
            for owner in missing:
                known[owner] = "".join(secrets.choice(_ALPHABET) for _ in range(length))
            write_private(path, json.dumps(known, indent=1).encode())
        return {owner: known[owner] for owner in owners}

    def write_endpoints(self, content: dict[str, Any]) -> Path:
        """Write `endpoints.json`, which other people's tools read; it holds secrets, so it is private."""
        path = self.home / "endpoints.json"
        write_private(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        return path

    def is_filled_with(self, contents: str | None) -> bool:
        """Say whether the servers were filled with exactly this before."""
        mark = self.home / "filled"
        return contents is not None and mark.exists() and mark.read_text() == contents

    def mark_unsettled(self) -> None:
        """From here on, until `mark_filled`, old and new may run beside each other and migrations may be missing."""
        (self.home / "filled").unlink(missing_ok=True)

    def is_settled(self) -> bool:
        """Say whether the last `up` did all it began."""
        return (self.home / "filled").exists()

    def mark_filled(self, contents: str | None) -> None:
        """Remember what the servers were filled with."""
        (self.home / "filled").write_text(contents or "")

    def remove(self) -> None:
        """Delete everything in the folder; the downloaded parts stay in the cache.

        Raises:
            StackError: It is not one of ours, so it is left alone.
        """
        ours = {"VERSION", "postgres", "kafka", "keys", "run", "logs"}
        if self.home.exists() and any(self.home.iterdir()) and not ours & {path.name for path in self.home.iterdir()}:
            raise StackError(f"{self.home} does not look like a state folder of ours", "Remove it by hand if it is")
        shutil.rmtree(self.home, ignore_errors=True)

    def _check_owner(self) -> None:
        owner = self.home.stat().st_uid
        if owner == os.geteuid():
            return
        name = _user_name(owner)
        raise StackError(
            f"The state folder {self.home} belongs to {name}, this is {_user_name(os.geteuid())}",
            f"Run as {name}, or choose another folder with REDRESS_HOME",
        )

    def _check_version(self) -> None:
        if not self._stamp.exists():
            if (self.home / "postgres").exists() or (self.home / "kafka").exists():
                raise StackError(
                    f"The state folder {self.home} has data but no VERSION file",
                    "Use the Redress version that wrote it, or start empty with `make reset`",
                )
            return
        try:
            found = json.loads(self._stamp.read_text())
        except ValueError:
            found = None
        if found != _STAMP:
            theirs = ", ".join(f"{k} {v}" for k, v in found.items()) if isinstance(found, dict) else "unreadable"
            ours = ", ".join(f"{k} {v}" for k, v in _STAMP.items())
            raise StackError(
                f"The state folder {self.home} was written by another version ({theirs}; this is {ours})",
                "Use the Redress version that wrote it, or start empty with `make reset`, or choose REDRESS_HOME",
            )


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def write_private(path: Path, content: bytes) -> None:
    """Replace a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
