"""Foreign tools that the contract tests run: node packages, generators, client libraries; pinned, kept outside the repository.

A tool that is missing fails the test and says what to do. `REDRESS_TESTS_WITHOUT=node,go` skips instead, by name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from deploy.stack.settings import StackSettings

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tests" / "contract" / "tools"
_INSTALL_SECONDS = 900.0  # a package index may be far away; once per version


def program(name: str, mend: str) -> str:
    """The path of a program; fails the test when it is missing, skips it when the run was told to do without."""
    found = shutil.which(name)
    if found is None:
        if name in os.environ.get("REDRESS_TESTS_WITHOUT", "").split(","):
            pytest.skip(f"told to do without {name} by REDRESS_TESTS_WITHOUT")
        pytest.fail(f"this test needs {name}: {mend}, or set REDRESS_TESTS_WITHOUT={name} to skip it", pytrace=False)
    return found


def node_modules() -> Path:
    """The packages of `tests/contract/tools/package-lock.json`, installed once per version of that file."""
    npm = program("npm", "install Node.js 20 or newer")

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(TOOLS / name, folder / name)
        call([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, seconds=_INSTALL_SECONDS)

    return kept("node", (TOOLS / "package-lock.json").read_bytes(), install) / "node_modules"


def python_packages() -> Path:
    """The packages of `requirements/clients.txt`, in a folder of their own."""
    wanted = ROOT / "requirements" / "clients.txt"

    def install(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        call([*command, "--target", str(folder), "-r", str(wanted)], folder, seconds=_INSTALL_SECONDS)

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return kept(f"python-{version}", wanted.read_bytes(), install)


def kept(name: str, pins: bytes, install: Callable[[Path], None]) -> Path:
    """A folder of the cache that `install` filled, complete or not there at all, whoever else installs beside us."""
    cache = StackSettings().cache / "tools"
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{name}-{hashlib.sha256(pins).hexdigest()[:12]}"
    with (cache / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                folder = Path(scratch) / "new"
                folder.mkdir()
                install(folder)
                folder.rename(target)
    return target


def call(
    command: Sequence[str], folder: Path, *, seconds: float = 300, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program to its end; answers its standard output, fails the test with its last words."""
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        said = "\n".join([*done.stdout.splitlines()[-40:], *done.stderr.splitlines()[-40:]])
        pytest.fail(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{said}", pytrace=False)
    return done.stdout
