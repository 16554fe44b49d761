"""The board of sla and the desk of the router call the same complaints late and due soon (C11)."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain import clocks
from services.sla.store.rows import Stored, row_of
from shared.events import sla
from tests.unit.sla.story import MONDAY, after
from tests.unit.sla.test_clocks import STEPS, VISIT
from tests.unit.sla.test_firing import at_owner


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.sampled_from(sorted(STEPS)), max_size=6),
    st.lists(st.integers(1, 400), max_size=6),
    st.integers(0, 1_000),
)
def test_whatever_happens_both_say_the_same(steps: list[str], waits: list[int], then: int) -> None:
    desk = at_owner("shops")
    now = MONDAY
    for number, step in enumerate(steps):
        now += timedelta(hours=waits[number] if number < len(waits) else 7)
        desk.ticks(now)
        STEPS[step](desk.story, now)
        desk.hears()
    now += timedelta(hours=then)
    dials: clocks.Dials = {}
    for event in desk.said:
        if isinstance(event, sla.ClockStarted | sla.ClockPaused | sla.ClockResumed | sla.ClockStopped):
            dials = clocks.told(dials, event.clocks)
    row = row_of(Stored(case=desk.case, known=True), desk.case.life)
    assert _on_the_board(row, now) == _at_the_desk(dials, now)


def test_a_long_clock_that_is_nearly_used_up_counts_though_another_date_comes_first() -> None:
    desk = at_owner("shops")
    desk.story.promised(after(days=1, hours=5), after(days=1, hours=7), VISIT)
    desk.hears()
    now = after(days=1, hours=6)
    dials: clocks.Dials = {}
    for event in desk.said:
        dials = clocks.told(dials, event.clocks)  # type: ignore[attr-defined]
    row = row_of(Stored(case=desk.case, known=True), desk.case.life)
    first = clocks.nearest(dials)
    assert first is not None and first.kind == "promise" and first.shown(now) == "running"
    assert _on_the_board(row, now) == _at_the_desk(dials, now) == "soon"


def _on_the_board(row: Any, now: Any) -> str:
    if row.soon_at is None or row.soon_at > now:
        return "fine"
    return "late" if row.due_at <= now else "soon"


def _at_the_desk(dials: clocks.Dials, now: Any) -> str:
    shown = clocks.pressing(dials, now)
    return shown if shown in {"late", "soon"} else "fine"
