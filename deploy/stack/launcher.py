"""Starts one command as another user, at a lower priority or tied to its parent's life; run as a script, imports nothing of ours.

Postgres refuses to run as root. As root we therefore become an ordinary user first. When a folder on the way (say
`/root`) is closed to that user, nothing is opened up for everybody: the command keeps the one capability to pass.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def main() -> None:
    """Parse the options, change the identity, become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("--pass-folders", action="store_true")
    parser.add_argument("--die-with-parent", action="store_true")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    os.nice(options.nice)
    if options.user is not None:
        _become(options.user, options.group, keep_passing=options.pass_folders)
    if options.die_with_parent:
        _die_with_parent()
    os.execv(options.command[0], options.command)  # noqa: S606 - becoming the command is the point


def _become(user: int, group: int, *, keep_passing: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_passing:
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    if keep_passing:
        bit = 1 << _CAP_DAC_OVERRIDE
        data = (_Data * 2)(_Data(bit, bit, bit), _Data(0, 0, 0))
        _checked(libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data))
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _die_with_parent() -> None:
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    except (OSError, AttributeError):  # not Linux: an orphan is cleaned up by the next run
        return


def _checked(result: int) -> None:
    if result != 0:
        raise SystemExit(f"cannot change the user: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
