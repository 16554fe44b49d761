"""Why this date: the days add up to the budget, and each says why it counted as it did."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.domain.calendar import NOTHING, Calendar, CalendarSpec
from services.sla.domain.clocks import Clock
from services.sla.domain.explanation import day_by_day
from services.sla.domain.measures import WALL, WALL_TIME, Budget
from tests.unit.sla.story import MONDAY, NINE_TO_FIVE, OFFICE, after

PLAN = Calendar(
    CalendarSpec(
        tz="Asia/Shanghai",
        week=(NINE_TO_FIVE,) * 5 + ((), ()),
        holidays=frozenset({date(2026, 3, 4)}),
        overrides={date(2026, 3, 7): NINE_TO_FIVE},
        breaks={date(2026, 3, 6): ((12 * 60, 17 * 60),)},
    )
)


def clock(calendar: Calendar, hours: float, start: datetime = MONDAY, pauses: tuple = ()) -> Clock:
    budget = Budget("office", calendar, timedelta(hours=hours))
    deadline = calendar.add_with_pauses(start, budget.total, pauses)
    return Clock(kind="owner", epoch=1, budget=budget, started_at=start, deadline=deadline, pauses=pauses)


def test_each_day_says_what_counted_and_why_not() -> None:
    start = datetime(2026, 3, 2, 17, tzinfo=UTC) + timedelta(hours=-7)  # Monday 18:00 in Shanghai, after hours
    one = clock(PLAN, 24, start)
    days = day_by_day(one, PLAN, one.deadline)
    assert [(day.day.day, day.because, day.used, day.left) for day in days] == [
        (2, "after_hours", NOTHING, timedelta(hours=24)),
        (3, "open", timedelta(hours=8), timedelta(hours=16)),
        (4, "holiday", NOTHING, timedelta(hours=16)),
        (5, "open", timedelta(hours=8), timedelta(hours=8)),
        (6, "other_hours", timedelta(hours=3), timedelta(hours=5)),
        (7, "other_hours", timedelta(hours=5), NOTHING),
    ]


def test_a_day_on_which_the_clock_stood_still_says_so() -> None:
    one = clock(OFFICE, 16, pauses=((after(hours=4), after(days=2)),))
    days = day_by_day(one, OFFICE, one.deadline)
    assert [(day.because, day.used) for day in days] == [
        ("open", timedelta(hours=4)),
        ("paused", NOTHING),
        ("open", timedelta(hours=8)),
        ("open", timedelta(hours=4)),
    ]


def test_a_clock_that_stands_still_now_is_told_up_to_now() -> None:
    one = clock(OFFICE, 16).pause(after(hours=2))
    days = day_by_day(one, OFFICE, after(days=1, hours=8))
    assert [(day.because, day.used) for day in days] == [("open", timedelta(hours=2)), ("paused", NOTHING)]


def test_wall_time_needs_no_days() -> None:
    one = Clock(
        kind="promise",
        epoch=10,
        budget=Budget(WALL, WALL_TIME, timedelta(days=3)),
        started_at=MONDAY,
        deadline=after(days=3),
    )
    assert day_by_day(one, OFFICE, one.deadline) == ()


@settings(deadline=None, max_examples=40)
@given(
    st.timedeltas(timedelta(minutes=1), timedelta(hours=60)),
    st.timedeltas(NOTHING, timedelta(days=9)),
    st.timedeltas(NOTHING, timedelta(days=9)),
)
def test_the_days_add_up_to_the_budget(total: timedelta, paused: timedelta, length: timedelta) -> None:
    one = clock(PLAN, total.total_seconds() / 3600, pauses=((MONDAY + paused, MONDAY + paused + length),))
    days = day_by_day(one, PLAN, one.deadline)
    assert sum((day.used for day in days), NOTHING) == one.budget.total
    assert days[-1].left == NOTHING
