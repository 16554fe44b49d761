"""Which interpreter a fresh `.venv` is made with."""

import sys
from pathlib import Path

from deploy.stack.fastest_python import fastest


def _wrapper(path: Path, line: str) -> str:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


def _slow(folder: Path) -> str:
    return _wrapper(folder / "slow", f'exec {sys.executable} -X tracemalloc=1 "$@"')


def test_a_clearly_faster_build_of_the_same_version_is_taken(tmp_path: Path) -> None:
    fast = _wrapper(tmp_path / "fast", f'exec {sys.executable} "$@"')
    assert fastest(_slow(tmp_path), [fast], rounds=1) == fast


def test_a_slower_build_is_left_alone(tmp_path: Path) -> None:
    assert fastest(sys.executable, [_slow(tmp_path)], rounds=1) == sys.executable


def test_what_cannot_make_an_environment_or_is_another_version_is_left_alone(tmp_path: Path) -> None:
    no_venv = _wrapper(tmp_path / "no-venv", 'echo "No module named ensurepip" >&2; exit 1')
    older = _wrapper(tmp_path / "older", "echo 3 10")
    assert fastest(_slow(tmp_path), [no_venv, older, str(tmp_path / "missing")]) == _slow(tmp_path)
