"""Runs a service that kills itself at a named crash point: `python -m tests.support.crashing SERVICE POINT [NTH]`.

SIGKILL leaves no time for anything: no `finally`, no flush, no goodbye.
"""

import importlib
import os
import signal
import sys

from shared.runtime import entry


def main() -> int:
    """Serve until the point is reached for the nth time."""
    name, point = sys.argv[1:3]
    left = int(sys.argv[3]) if len(sys.argv) > 3 else 1

    def reached(where: str) -> None:
        nonlocal left
        if where == point:
            left -= 1
            if left == 0:
                print(f'{{"action": "crash", "point": "{point}"}}', flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

    settings = importlib.import_module(f"services.{name}.settings").Settings
    build = importlib.import_module(f"services.{name}.app").build
    return entry.main(name, settings, build, arguments=["serve"], reached=reached)


if __name__ == "__main__":
    sys.exit(main())
