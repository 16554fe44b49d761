"""Business time holds its laws on calendars nobody thought of."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.domain.calendar import NOTHING, Calendar, CalendarError, CalendarSpec
from services.sla.domain.measures import WALL_TIME

ZONES = ("UTC", "Asia/Shanghai", "Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tehran")
DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))
INSTANTS = st.datetimes(datetime(2025, 6, 1), datetime(2027, 6, 1), timezones=st.just(UTC))
LAW = settings(deadline=None, max_examples=40)
FEW = settings(deadline=None, max_examples=8)
BUDGETS = st.timedeltas(NOTHING, timedelta(days=40))


@st.composite
def hours(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
    return tuple(zip(edges[0::2], edges[1::2], strict=False))


def _long_enough(week: list[tuple[tuple[int, int], ...]]) -> bool:
    """An hour a week: all budgets of these tests fit into the hundred years that are laid out at most."""
    return sum(end - begin for day in week for begin, end in day) >= 60


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    week = draw(st.lists(hours(), min_size=7, max_size=7).filter(_long_enough))
    spec = CalendarSpec(
        tz=draw(st.sampled_from(ZONES)),
        week=tuple(week),
        holidays=frozenset(draw(st.sets(DAYS, max_size=10))),
        annual_holidays=frozenset((d.month, d.day) for d in draw(st.sets(DAYS, max_size=3))),
        overrides=draw(st.dictionaries(DAYS, hours(), max_size=5)),
        breaks=draw(st.dictionaries(DAYS, hours(), max_size=5)),
    )
    return Calendar(spec)


@LAW
@given(calendars(), INSTANTS, BUDGETS, BUDGETS)
def test_a_longer_budget_never_ends_earlier(
    calendar: Calendar, start: datetime, one: timedelta, more: timedelta
) -> None:
    assert calendar.add(start, one) <= calendar.add(start, one + more)


@LAW
@given(calendars(), INSTANTS, BUDGETS, st.timedeltas(NOTHING, timedelta(days=9)))
def test_starting_later_never_ends_earlier(
    calendar: Calendar, start: datetime, budget: timedelta, by: timedelta
) -> None:
    assert calendar.add(start, budget) <= calendar.add(start + by, budget)


@LAW
@given(calendars(), INSTANTS, BUDGETS)
def test_the_budget_is_used_up_exactly_at_the_deadline(calendar: Calendar, start: datetime, budget: timedelta) -> None:
    deadline = calendar.add(start, budget)
    assert calendar.elapsed(start, deadline) == budget
    if budget:
        assert calendar.elapsed(start, deadline - timedelta(microseconds=1)) < budget


@LAW
@given(calendars(), INSTANTS, BUDGETS)
def test_subtracting_is_the_inverse_of_adding(calendar: Calendar, end: datetime, budget: timedelta) -> None:
    start = calendar.subtract(end, budget)
    assert calendar.elapsed(start, end) == budget
    assert start <= end


@LAW
@given(calendars(), INSTANTS, BUDGETS, BUDGETS)
def test_elapsed_time_adds_up(calendar: Calendar, start: datetime, first: timedelta, second: timedelta) -> None:
    middle, end = start + first, start + first + second
    assert calendar.elapsed(start, middle) + calendar.elapsed(middle, end) == calendar.elapsed(start, end)


@LAW
@given(calendars(), INSTANTS, BUDGETS)
def test_elapsed_is_the_length_of_the_open_intervals(calendar: Calendar, start: datetime, length: timedelta) -> None:
    intervals = calendar.open_intervals(start, start + length)
    assert sum((b - a for a, b in intervals), NOTHING) == calendar.elapsed(start, start + length)
    assert all(calendar.is_open(a) and not calendar.is_open(b) for a, b in intervals[:-1])


@LAW
@given(calendars(), INSTANTS, BUDGETS, INSTANTS, BUDGETS)
def test_a_pause_never_brings_a_deadline_nearer(
    calendar: Calendar, start: datetime, budget: timedelta, paused: datetime, length: timedelta
) -> None:
    for measure in (calendar, WALL_TIME):
        before = measure.add(start, budget)
        after = measure.add_with_pauses(start, budget, [(paused, paused + length)])
        assert after >= before
        if budget:
            assert measure.elapsed_with_pauses(start, after, [(paused, paused + length)]) == budget


@LAW
@given(calendars(), INSTANTS, st.integers(1, 15))
def test_the_end_of_a_working_day_is_when_that_date_closes_last(calendar: Calendar, start: datetime, days: int) -> None:
    from services.sla.domain.working_days import add_business_days

    due, open_until = calendar.end_of_working_day(start, days)
    assert due == add_business_days(calendar, start, days, "end_of_working_day")
    assert open_until == calendar.elapsed(start, due)


QUESTIONS = st.tuples(st.integers(0, 2), BUDGETS, st.integers(1, 400))


@LAW
@given(calendars(), st.lists(INSTANTS, min_size=3, max_size=3), st.lists(QUESTIONS, min_size=1, max_size=8))
def test_what_was_asked_before_changes_no_answer(
    calendar: Calendar, starts: list[datetime], questions: list[tuple[int, timedelta, int]]
) -> None:
    """A calendar keeps its years and its last answer; one that is new for each question has nothing kept."""
    for which, budget, days in questions:
        start = starts[which]
        assert calendar.add(start, budget) == Calendar(calendar.spec).add(start, budget)
        assert calendar.end_of_working_day(start, days) == Calendar(calendar.spec).end_of_working_day(start, days)
        assert calendar.add(start, budget) == Calendar(calendar.spec).add(start, budget)


@FEW
@given(st.sets(DAYS, min_size=1, max_size=3), INSTANTS)
def test_a_calendar_that_opens_on_few_dates_only_answers_or_refuses_but_never_loops(
    days: set[date], start: datetime
) -> None:
    spec = CalendarSpec(tz="UTC", week=((),) * 7, overrides=dict.fromkeys(days, ((540, 600),)))
    with pytest.raises(CalendarError, match="beyond_horizon"):
        Calendar(spec).add(start, timedelta(hours=4))
    with pytest.raises(CalendarError, match="beyond_horizon"):
        Calendar(spec).subtract(start, timedelta(hours=4))
    with pytest.raises(CalendarError, match="beyond_horizon"):
        Calendar(spec).end_of_working_day(start, 4)


def test_every_day_of_the_year_a_holiday_is_refused_when_asked() -> None:
    leap = (date(2024, 1, 1) + timedelta(days=n) for n in range(366))
    spec = CalendarSpec(tz="UTC", week=(((0, 1440),),) * 7, annual_holidays=frozenset((d.month, d.day) for d in leap))
    with pytest.raises(CalendarError, match="beyond_horizon"):
        Calendar(spec).add(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (CalendarSpec(tz="UTC", week=((),) * 7), "calendar_never_open"),
        (CalendarSpec(tz="Mars/Olympus", week=(((0, 1),),) * 7), "unknown_zone"),
        (CalendarSpec(tz="UTC", week=(((0, 1),),)), "bad_week"),
    ],
    ids=["never open", "unknown zone", "six days missing"],
)
def test_a_calendar_that_makes_no_sense_is_refused(spec: CalendarSpec, reason: str) -> None:
    with pytest.raises(CalendarError) as refused:
        Calendar(spec)
    assert refused.value.reason == reason


def test_instants_without_a_zone_are_refused() -> None:
    calendar = Calendar(CalendarSpec(tz="UTC", week=(((0, 1440),),) * 7))
    with pytest.raises(ValueError, match="zone"):
        calendar.add(datetime(2026, 1, 1), NOTHING)
    with pytest.raises(ValueError, match="negative"):
        calendar.add(datetime(2026, 1, 1, tzinfo=UTC), -timedelta(1))
    with pytest.raises(CalendarError, match="out_of_range"):
        calendar.add(datetime(1800, 1, 1, tzinfo=UTC), NOTHING)


def test_a_leap_day_counts() -> None:
    calendar = Calendar(CalendarSpec(tz="Asia/Shanghai", week=(((540, 600),),) * 7))
    start = datetime(2028, 2, 28, 12, tzinfo=UTC)
    assert calendar.add(start, timedelta(hours=2)) == datetime(2028, 3, 1, 2, tzinfo=UTC)
