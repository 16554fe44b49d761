"""Which rows of the outbox are settled, in ids alone.

Ids are drawn from a sequence and become visible in any order, because transactions end in any order. So every id that
was passed over is remembered as open until its row shows, or until no transaction can still bring it: whoever drew it
had a transaction number by then (`outbox.INSERT` sees to that), so it is gone once all transactions below the next
number of that moment have ended. A long transaction keeps ids open; it stops nothing.
"""

from collections.abc import Iterable, Sequence

UNSENT = -1
"""Mark of an open id whose row was seen and is not published."""

GULF = 20_000
"""A gap of more ids than this is not remembered one by one: the window waits until all transactions of then ended."""


class Window:
    """How far one lane has come.

    Attributes:
        high: the greatest id that was looked at.
        open: ids up to `high` that are not settled → the transaction number below which all must have ended before the
            id is given up, `None` while that is not known yet, or `UNSENT`.
        gulf: the same for a gap right behind `high`; `None` when there is none, 0 while the number is not known yet.
        calm: the gulf may be crossed with the next page.
    """

    __slots__ = ("calm", "gulf", "high", "open")

    def __init__(self, high: int, open_: Iterable[int] = ()) -> None:
        self.high = high
        self.open: dict[int, int | None] = dict.fromkeys(open_)
        self.gulf: int | None = None
        self.calm = False

    @property
    def low(self) -> int:
        """Everything up to this id is settled."""
        return min(self.open, default=self.high + 1) - 1

    @property
    def unsent(self) -> int:
        """How many rows were seen and not published."""
        return sum(mark == UNSENT for mark in self.open.values()) if self.open else 0

    @property
    def doubtful(self) -> bool:
        """Whether something has to be looked for beside what comes next."""
        return bool(self.open) or self.gulf is not None

    def pass_over(self, ids: Sequence[int]) -> int:
        """Move on over a page of ids in order; answers how many of them come before a gulf."""
        if ids and ids[-1] - self.high == len(ids):
            self.high = ids[-1]
            return len(ids)
        for place, number in enumerate(ids):
            if not self._step(number - 1):
                return place
            self.high = number
        return len(ids)

    def reach(self, end: int) -> bool:
        """Move on to an id behind the last row of a page that was not full; answers whether a gulf is not in the way."""
        return self._step(end)

    def _step(self, to: int) -> bool:
        """Move on over ids of which no row was seen."""
        gap = to - self.high
        if gap > GULF and not self.calm:
            if self.gulf is None:
                self.gulf = 0
            return False
        if gap > GULF:
            self.gulf, self.calm = None, False
        else:
            self.open.update(dict.fromkeys(range(self.high + 1, to + 1)))
        self.high = max(self.high, to)
        return True

    def settle(self, found: set[int], ended: int, next_: int) -> None:
        """After all open ids were looked for.

        Args:
            found: open ids whose rows are there and ours: they are unsent now.
            ended: all transactions below this number have ended when it was looked.
            next_: the next number at that moment.
        """
        for number, mark in list(self.open.items()):
            if number in found:
                self.open[number] = UNSENT
            elif mark is None:
                self.open[number] = next_
            elif mark == UNSENT or ended >= mark:
                del self.open[number]
        if self.gulf == 0:
            self.gulf = next_
        elif self.gulf is not None and ended >= self.gulf:
            self.calm = True

    def sent(self, ids: Iterable[int]) -> None:
        """These rows are with the broker, or will never be."""
        if self.open:
            for number in ids:
                self.open.pop(number, None)

    def hold(self, ids: Iterable[int]) -> None:
        """These rows were seen and are not published."""
        self.open.update(dict.fromkeys(ids, UNSENT))

    def copy(self) -> "Window":
        """The same standpoint, with what is open without having been seen."""
        other = Window(self.high)
        other.open = {number: mark for number, mark in self.open.items() if mark != UNSENT}
        other.gulf = self.gulf
        return other
