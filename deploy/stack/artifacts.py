"""The parts of the stack that come from Maven Central: pinned, fetched with `jgo`, verified by hash.

`artifacts.json` beside this file is the lock; `python -m deploy.stack.artifacts` writes it anew after a change of
`WANTED`. Downloads land in the cache folder, complete and verified or not at all, whoever else downloads beside us.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from deploy.stack.errors import StackError

Part = Literal["kafka", "traces", "web", "test", "clients"]
#: Called with the bytes that just arrived and the bytes expected in all.
Progress = Callable[[int, int], None]

#: What is wanted, by part; `transitive` parts bring their runtime dependencies along.
WANTED: dict[Part, tuple[str, ...]] = {
    "kafka": ("org.apache.kafka:kafka_2.13:4.3.0", "org.slf4j:slf4j-simple:1.7.36"),
    "traces": ("io.zipkin:zipkin-server:3.5.1:slim",),
    "web": ("org.webjars.npm:htmx.org:2.0.10", "org.webjars.npm:picocss__pico:2.1.1"),
    "test": ("org.webjars.npm:axe-core:4.6.3",),
    # Generates clients from our OpenAPI documents, and what the generated Java needs (tests/integration/contracts/test_clients.py).
    "clients": (
        "org.openapitools:openapi-generator-cli:7.25.0",
        "com.fasterxml.jackson.core:jackson-core:2.21.5",
        "com.fasterxml.jackson.core:jackson-annotations:2.21",
        "com.fasterxml.jackson.core:jackson-databind:2.21.5",
        "com.fasterxml.jackson.datatype:jackson-datatype-jsr310:2.21.5",
        "org.openapitools:jackson-databind-nullable:0.2.11",
        "jakarta.annotation:jakarta.annotation-api:1.3.5",
        "com.google.code.findbugs:jsr305:3.0.2",
    ),
}
_TRANSITIVE: frozenset[Part] = frozenset({"kafka"})
_LOCK = Path(__file__).with_name("artifacts.json")
_WORKERS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One jar of the lock."""

    group: str
    name: str
    version: str
    classifier: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The name Maven gives the file."""
        return f"{self.name}-{self.version}{'-' + self.classifier if self.classifier else ''}.jar"


class ArtifactCache:
    """The folder of downloaded jars.

    Args:
        folder: The cache folder, shared by all checkouts of this user.
        maven_url: A mirror of Maven Central; `None` is Maven Central itself.
    """

    def __init__(self, folder: Path, maven_url: str | None = None) -> None:
        self._jars = folder / "jars"
        self._web = folder / "web"
        self._maven_url = maven_url

    def missing(self, *parts: Part) -> list[Artifact]:
        """Return what would have to be downloaded. Sizes are compared; hashes were when the file arrived."""
        return [artifact for artifact in locked(*parts) if not self._has(artifact)]

    def fetch(self, *parts: Part, progress: Progress = lambda _arrived, _expected: None) -> list[Path]:
        """Return the jars of `parts` in class path order, downloading what is missing.

        Raises:
            StackError: Refused, interrupted, or not the bytes that were pinned.
        """
        if self.missing(*parts):
            self._jars.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._download(self.missing(*parts), progress)
        return [self._jars / artifact.filename for artifact in locked(*parts)]

    def unpack_web(self, *parts: Part, progress: Progress = lambda _arrived, _expected: None) -> Path:
        """Unpack WebJars and return the folder with `<name>/<version>/...` as they lie in the jar."""
        for artifact, jar in zip(locked(*parts), self.fetch(*parts, progress=progress), strict=True):
            target = self._web / artifact.name / artifact.version
            if target.exists():
                continue
            prefix = f"META-INF/resources/webjars/{artifact.name}/{artifact.version}/"
            self._web.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._web) as scratch:
                with zipfile.ZipFile(jar) as archive:
                    names = [name for name in archive.namelist() if name.startswith(prefix)]
                    archive.extractall(scratch, names)
                target.parent.mkdir(exist_ok=True)
                try:
                    (Path(scratch) / prefix).rename(target)
                except OSError:  # another process unpacked the same files in the meantime
                    if not target.exists():
                        raise
        return self._web

    def unpack_application(self, part: Part) -> list[Path]:
        """Return the class path of a Spring Boot jar, unpacked: only plain jars can go into a class-data archive."""
        (jar,) = self.fetch(part)
        target = self._jars.parent / "applications" / jar.stem
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                _split(jar, Path(scratch) / "parts")
                with contextlib.suppress(OSError):  # another process was faster
                    (Path(scratch) / "parts").rename(target)
        return [target / "classes.jar", *sorted((target / "lib").iterdir())]

    def _has(self, artifact: Artifact) -> bool:
        try:
            return (self._jars / artifact.filename).stat().st_size == artifact.size
        except OSError:
            return False

    def _download(self, missing: Sequence[Artifact], progress: Progress) -> None:
        expected = sum(artifact.size for artifact in missing)
        with (
            tempfile.TemporaryDirectory(dir=self._jars.parent, prefix="download-") as scratch,
            ThreadPoolExecutor(_WORKERS) as workers,
        ):
            jobs = [
                workers.submit(self._download_one, artifact, Path(scratch), lambda count: progress(count, expected))
                for artifact in sorted(missing, key=lambda artifact: -artifact.size)
            ]
            for job in jobs:
                job.result()

    def _download_one(self, artifact: Artifact, scratch: Path, arrived: Callable[[int], None]) -> None:
        context = _maven(scratch, self._maven_url, arrived)
        component = context.project(artifact.group, artifact.name).at_version(artifact.version)
        try:
            path: Path = component.artifact(artifact.classifier, "jar").resolve()
        except Exception as error:  # jgo passes on whatever requests raises, and RuntimeError for every refusal
            raise _refused(artifact, error) from error
        if _sha256(path) != artifact.sha256:
            raise StackError(
                f"{artifact.filename} is not the file that was pinned (its SHA-256 differs)",
                "Check the mirror in REDRESS_MAVEN_URL or whatever stands between this machine and Maven Central",
            )
        path.rename(self._jars / artifact.filename)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process download at a time; the next one finds the files there."""
        with (self._jars / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _split(jar: Path, target: Path) -> None:
    (target / "lib").mkdir(parents=True)
    with zipfile.ZipFile(jar) as source, zipfile.ZipFile(target / "classes.jar", "w") as classes:
        for name in source.namelist():
            if name.startswith("BOOT-INF/lib/") and name.endswith(".jar"):
                (target / "lib" / Path(name).name).write_bytes(source.read(name))
            elif name.startswith("BOOT-INF/classes/") and not name.endswith("/"):
                classes.writestr(name.removeprefix("BOOT-INF/classes/"), source.read(name))


def locked(*parts: Part) -> list[Artifact]:
    """Return the pinned artifacts of `parts`."""
    lock = json.loads(_LOCK.read_text())
    return [Artifact(**entry) for part in parts for entry in lock[part]]


def _maven(folder: Path, url: str | None, arrived: Callable[[int], None]) -> Any:
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def report(_filename: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield arrived

    remotes = {"central": url.rstrip("/")} if url else None
    return MavenContext(PythonResolver(progress_callback=report), repo_cache=folder, remote_repos=remotes, timeout=30)


def _refused(artifact: Artifact, error: Exception) -> StackError:
    reason = "the server does not have it" if isinstance(error, RuntimeError) else type(error).__name__
    if isinstance(error, OSError) and error.errno == 28:
        return StackError("The disk is full", "Free some space, or move the cache with REDRESS_CACHE")
    return StackError(
        f"Cannot download {artifact.filename}: {reason}",
        "Check the network and proxy settings (HTTPS_PROXY), or name a mirror of Maven Central in REDRESS_MAVEN_URL",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_lock(url: str | None = None) -> None:
    """Resolve `WANTED` anew and write the lock. For maintainers."""
    lock: dict[str, list[dict[str, object]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        context = _maven(Path(scratch), url, lambda _count: None)
        for part, coordinates in WANTED.items():
            found = [_coordinate(context, text) for text in coordinates]
            if part in _TRANSITIVE:
                inputs, transitive = context.resolver.resolve([context.create_dependency(text) for text in coordinates])
                found = [dependency.artifact for dependency in (*inputs, *transitive)]
            lock[part] = [asdict(_pin(artifact)) for artifact in found]
    _LOCK.write_text(json.dumps(lock, indent=1) + "\n")


def _coordinate(context: Any, text: str) -> Any:
    group, name, version, *classifier = text.split(":")
    return context.project(group, name).at_version(version).artifact(classifier[0] if classifier else "", "jar")


def _pin(artifact: Any) -> Artifact:
    path: Path = artifact.resolve()
    return Artifact(
        group=artifact.groupId,
        name=artifact.artifactId,
        version=artifact.version,
        classifier=artifact.classifier or "",
        size=path.stat().st_size,
        sha256=_sha256(path),
    )


if __name__ == "__main__":
    write_lock()
