"""The relay's window of ids: nothing that may still come is given up, nothing is given up late (B1, ADR 13)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.runtime.relay.leases import fair_share
from shared.runtime.relay.window import GULF, UNSENT, Window


def test_ids_that_were_passed_over_stay_open_until_no_transaction_can_bring_them():
    window = Window(0)
    assert window.pass_over([1, 2, 5]) == 3
    assert set(window.open) == {3, 4}
    assert window.low == 2
    window.settle(set(), ended=10, next_=20)
    window.settle(set(), ended=19, next_=30)
    assert set(window.open) == {3, 4}, "transaction 19 may still bring them"
    window.settle({3}, ended=20, next_=31)
    assert window.open == {3: UNSENT}, "4 never comes; 3 is there"
    window.sent([3])
    assert window.low == window.high == 5


def test_a_gulf_is_crossed_when_all_transactions_of_then_have_ended():
    window = Window(0)
    page = [GULF + 10, GULF + 11]
    assert window.pass_over(page) == 0
    assert window.doubtful
    window.settle(set(), ended=5, next_=9)
    assert window.pass_over(page) == 0
    window.settle(set(), ended=9, next_=12)
    assert window.pass_over(page) == 2
    assert window.high == GULF + 11
    assert not window.doubtful


def test_rows_before_a_gulf_are_taken():
    window = Window(0)
    assert window.pass_over([1, 2, GULF * 2]) == 2
    assert window.high == 2


@given(st.integers(1, 40))
def test_all_shards_are_shared_and_nobody_holds_more_than_one_more_than_another(copies: int) -> None:
    shares = [fair_share(place, copies) for place in range(copies)]
    assert sum(shares) == 16
    assert max(shares) - min(shares) <= 1


@settings(deadline=None)
@given(st.data())
def test_every_row_is_published_once_whatever_order_transactions_end_in(data: st.DataObject) -> None:
    """Transactions draw a number, then ids, and end in any order; a reader with small pages sees each committed row once."""
    window, published = Window(0), []
    running: dict[int, list[int]] = {}
    visible: set[int] = set()
    next_xid, next_id, committed = 3, 1, set()
    for _ in range(data.draw(st.integers(5, 40))):
        what = data.draw(st.sampled_from(["begin", "draw", "commit", "rollback", "read", "read"]))
        if what == "begin":
            running[next_xid] = []
            next_xid += 1
        elif what == "draw" and running:
            running[data.draw(st.sampled_from(sorted(running)))].append(next_id)
            next_id += 1
        elif what in {"commit", "rollback"} and running:
            ids = running.pop(data.draw(st.sampled_from(sorted(running))))
            if what == "commit":
                visible |= set(ids)
                committed |= set(ids)
        else:
            _read(window, visible, published, running, next_xid)
    for xid in sorted(running):
        visible |= set(running[xid])
        committed |= set(running.pop(xid))
    for _ in range(len(committed) + 3):
        _read(window, visible, published, running, next_xid)
    assert sorted(published) == sorted(committed)
    assert window.low == window.high, "nothing stays open for ever"


def _read(
    window: Window, visible: set[int], published: list[int], running: dict[int, list[int]], next_xid: int
) -> None:
    page = sorted(i for i in visible if i > window.high)[:3]
    window.pass_over(page)
    found = list(page)
    if window.doubtful:
        late = {i for i in window.open if i in visible}
        window.settle(late, ended=min(running, default=next_xid), next_=next_xid)
        found = sorted({*found, *late})
    published += found
    window.sent(found)
