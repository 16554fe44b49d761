"""Of several builds of one Python version the fastest: `python fastest_python.py DEFAULT OTHER…` prints its path.

A build with profile-guided optimisation (Debian's is one, pyenv's by default is not) runs the services with a sixth less
CPU. Another build must have the version of the default one, be able to make a virtual environment, and be clearly faster.
Runs before anything is installed, so it needs the standard library alone.
"""

import os
import subprocess
import sys

_MARGIN = 0.9
_ASK = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
_WORK = """
import time
class Row:
    __slots__ = ("number", "name")
    def __init__(self, number, name):
        self.number, self.name = number, name
def work():
    rows = [Row(number, str(number)) for number in range(2000)]
    found = {row.name: row for row in rows}
    return sum(len(f"{row.number}:{row.name}") for row in sorted(found.values(), key=lambda row: row.name))
def timed():
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
print(min(timed() for _ in range(20)))
"""


def fastest(default: str, others: list[str], rounds: int = 10) -> str:
    """The default interpreter, or another build of its version that takes less than 90 % of its time."""
    version = _answer(default, _ASK)
    alike = [
        other for other in sorted(set(map(os.path.realpath, others))) if version and _answer(other, _ASK) == version
    ]
    if not alike:
        return default
    candidates = (default, *alike)
    times = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):  # in turn, because a shared machine may be half as fast a moment later
        for python in candidates:
            times[python] = min(times[python], float(_answer(python, _WORK) or "inf"))
    best = min(alike, key=times.__getitem__)
    return best if times[best] < _MARGIN * times[default] else default


def _answer(python: str, program: str) -> str:
    """What a program prints; nothing when it fails."""
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    print(fastest(sys.argv[1], sys.argv[2:]))
