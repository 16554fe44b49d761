"""Starts one command as another user, at a lower priority, tied to its parent's life or held by it; run as a script, imports nothing of ours.

Postgres refuses to run as root. As root we therefore become an ordinary user first. When a folder on the way to its data
(say `/root`) is closed to that user, nothing is opened up for everybody: we open the data folder while we are root, and
the command gets it as `/proc/self/fd/N`, which asks nothing of the folders above.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Parse the options, change the identity, become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("--hand-over", action="append", default=[])
    parser.add_argument("--die-with-parent", action="store_true")
    parser.add_argument("--held-by", type=int)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.held_by is not None:
        if not os.read(options.held_by, 1):  # who holds us is gone and does not know us
            return
        os.close(options.held_by)
    os.nice(options.nice)
    command = _with_open_files(options.command, options.hand_over)
    if options.user is not None:
        _become(options.user, options.group)
    if options.die_with_parent:
        _die_with_parent()
    os.execv(command[0], command)  # noqa: S606 - becoming the command is the point


def _with_open_files(command: list[str], paths: list[str]) -> list[str]:
    """Open what the user may not reach by name, and name it in the command by its descriptor."""
    if not os.path.isdir("/proc/self/fd"):  # not Linux
        return command
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.set_inheritable(descriptor, True)
        command = [argument.replace(path, f"/proc/self/fd/{descriptor}") for argument in command]
    return command


def _become(user: int, group: int) -> None:
    try:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    except OSError as error:
        raise SystemExit(f"cannot become user {user}: {error.strerror}") from None


def _die_with_parent() -> None:
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    except (OSError, AttributeError):  # not Linux: an orphan is cleaned up by the next run
        return


if __name__ == "__main__":
    main()
