"""A Chromium for the tests: one that is there, else Debian's where we may install it, else the reason why not."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PACKAGES = ("chromium", "fonts-noto-cjk")
_INSTALL_SECONDS = 600


class NoBrowser(Exception):
    """There is no browser, and why none could be had."""


@lru_cache(maxsize=1)
def chromium() -> str:
    """The path of a browser.

    `REDRESS_CHROMIUM` names one; `REDRESS_CHROMIUM=none` does without, as if there were none.

    Raises:
        NoBrowser: none is there and none could be installed.
    """
    named = os.environ.get("REDRESS_CHROMIUM", "")
    if named == "none":
        raise NoBrowser("REDRESS_CHROMIUM=none")
    if named:
        if Path(named).is_file():
            return named
        raise NoBrowser(f"REDRESS_CHROMIUM={named} is no file")
    return _found() or _installed()


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _installed() -> str:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise NoBrowser("no Chromium on PATH, and no right to install one (root and apt-get are needed)")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in ([apt, "-q", "update"], [apt, "-q", "install", "-y", "--no-install-recommends", *PACKAGES]):
        try:
            done = subprocess.run(
                step, env=quiet, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NoBrowser(f"`{' '.join(step)}` took more than {_INSTALL_SECONDS} s") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise NoBrowser(f"`{' '.join(step)}` failed: {last}")
    found = _found()
    if found is None:
        raise NoBrowser("apt-get installed no Chromium")
    return found
