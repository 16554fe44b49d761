"""The account Postgres runs under when we are root, and binaries which that account can run.

Postgres refuses to be root. The account may be kept out of the checkout (as `/root`, mode 700), and no folder is opened
for it: the data folder is handed over as an open folder (`ProcessSpec.handed`), and the few binaries are copied once to
a public place when the account cannot run those of the wheel. Neither needs a user namespace or a special capability.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.stack.errors import StackError
from deploy.stack.process import ProcessSpec, plain_environment

#: Accounts to run under, best first; one of them exists on every system.
_ACCOUNTS = ("redress", "pgserver", "postgres", "nobody")
#: Where a copy of the binaries may lie, best first: what cleans up temporary folders leaves the first two alone.
_PUBLIC = ("/var/cache", "/var/lib", "/var/tmp", "/tmp")  # noqa: S108 - made by us, or refused when it is not ours
_REMEDY = "Run as an ordinary user, or use an existing Postgres by DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Account:
    """A user and a group by number."""

    user: int
    group: int


def ordinary_account() -> Account | None:
    """The account for Postgres; `None` when we are not root, so that it runs as ourselves.

    Raises:
        StackError: there is no ordinary account.
    """
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise StackError(
        "Postgres does not run as root and no ordinary account exists", "Create one with `useradd redress`"
    )


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or of a folder with everything in it; nothing without an account.

    Raises:
        StackError: the file system or the container does not allow it.
    """
    if account is None:
        return
    try:
        os.chown(path, account.user, account.group)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder) / name, account.user, account.group, follow_symlinks=False)
    except OSError as error:
        raise StackError(
            f"Postgres does not run as root, and {path} cannot be given to another account: {error.strerror}", _REMEDY
        ) from error


@cache
def runnable(binaries: Path, account: Account | None, public: tuple[str, ...] = _PUBLIC) -> Path:
    """Return the folder of binaries, or of a copy of them, that the account can run.

    Args:
        binaries: `bin` of the wheel's installation.
        account: who shall run them; `None` for ourselves.
        public: folders in which a copy may be made, best first.

    Raises:
        StackError: the account can run neither them nor any copy.
    """
    if account is None or not _why_not(binaries, account):
        return binaries
    reason = ""
    for parent in public:
        try:
            copy = _copied(binaries, Path(parent) / "redress")
        except OSError as error:
            reason = f"{parent}: {error.strerror or error}"
            continue
        reason = _why_not(copy, account)
        if not reason:
            return copy
    raise StackError(f"Postgres does not run as root, and not as user {account.user} either ({reason})", _REMEDY)


def _why_not(binaries: Path, account: Account) -> str:
    """Let the account run the server's `--version`; what stops it, empty when nothing does."""
    spec = ProcessSpec(
        name="postgres",
        argv=(str(binaries / "postgres"), "--version"),
        log=Path(os.devnull),
        cwd=Path("/"),
        user=(account.user, account.group),
    )
    done = subprocess.run(
        spec.command(), env=plain_environment(), cwd="/", capture_output=True, text=True, timeout=30, check=False
    )
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return "" if done.returncode == 0 else said


def _copied(binaries: Path, place: Path) -> Path:
    """Copy what running a server takes, unless a whole copy is there; returns the copy's `bin`."""
    place.mkdir(mode=0o755, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise OSError(f"{place} is not ours alone to write")
    # The libraries lie beside the package, and the binaries find them by that path.
    site = binaries.parents[2]
    newest = (binaries / "postgres").stat()
    target = place / f"postgres-{newest.st_size}-{newest.st_mtime_ns}"
    files = list(_needed(binaries, site))
    if not _is_whole(files, site, target):
        fresh = Path(tempfile.mkdtemp(dir=place, prefix="new-"))
        try:
            for file in files:
                _copy_file(file, fresh / file.relative_to(site))
            for folder, _, _ in os.walk(fresh):
                os.chmod(folder, 0o755)  # noqa: S103 - the account must get in; nothing here is secret
            shutil.rmtree(target, ignore_errors=True)
            with contextlib.suppress(OSError):  # somebody else was quicker
                fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target / binaries.relative_to(site)


def _needed(binaries: Path, site: Path) -> Iterator[Path]:
    yield binaries / "postgres"
    yield binaries / "initdb"
    install, package = binaries.parent, binaries.parents[1]
    for folder in (install / "lib" / "postgresql", install / "share", site / f"{package.name}.libs"):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _is_whole(files: list[Path], site: Path, target: Path) -> bool:
    """Say whether every file is there in full: what cleans up temporary folders removes single files."""
    try:
        return all((target / file.relative_to(site)).stat().st_size == file.stat().st_size for file in files)
    except OSError:
        return False


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)
