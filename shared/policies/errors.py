"""Why a policy was refused, with the place and the remedy.

PolicyError      the whole answer: every problem found in one reading
  .problems      tuple of Problem(file, line, reason, mend)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a policy file; `line` counts from 1."""

    file: str
    line: int
    reason: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason} ({self.mend})"


class PolicyError(ValueError):
    """A policy folder that was refused; nothing of it is used."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
