"""What a row of the matrix is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Play = Callable[..., str]


class NotRun(Exception):
    """A row that this machine cannot run; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        number: as in the fault matrix, or a name for what it does not number.
        fault: what is done, and to what.
        play: does it to a running Redress (`World`; None where the place is `suite`) and answers what was seen; raises
            AssertionError when a promise broke.
        place: which Redress it needs: `ordinary` for all rows that leave no trace, else one of its own; `suite`: none.
        seconds: how long it takes, to tell beforehand.
    """

    number: str
    fault: str
    play: Play
    place: str = "ordinary"
    seconds: int = 20


ROWS: list[Row] = []


def row(number: str, fault: str, *, place: str = "ordinary", seconds: int = 20) -> Callable[[Play], Play]:
    """Enter a function into the matrix."""

    def enter(play: Play) -> Play:
        ROWS.append(Row(number=number, fault=fault, play=play, place=place, seconds=seconds))
        return play

    return enter
