"""No date that has passed is told as coming: there is one new date, before any rung climbs (C3)."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.domain.dates import answer_date
from services.sla.domain.life import MOST_DATES
from shared.events import sla
from tests.unit.sla.story import MONDAY, POLICY, Desk, Story, after, rules
from tests.unit.sla.test_clocks import STEPS, VISIT
from tests.unit.sla.test_firing import at_owner, run_until, told


def new_dates(events: list[Any]) -> set[datetime]:
    return {e.new_due_at for e in events if getattr(e, "new_due_at", None) is not None}


def rungs(events: list[Any]) -> list[tuple[str, str]]:
    return [(clock, level) for clock, level in told(events) if level.startswith("rung")]


class TestOldComplaint:
    """Received long before it reached us: an import, a shop that was offline for weeks."""

    def test_its_customer_gets_one_new_date_with_the_first_message(self) -> None:
        now = after(days=64, hours=1)
        desk = at_owner("shops", at=now)
        (started,) = (e for e in desk.said if isinstance(e, sla.ClockStarted))
        assert started.new_due_at is not None and started.new_due_at > now
        assert answer_date(desk.case.life) == started.new_due_at

    def test_nothing_climbs_for_what_was_due_before_it_reached_us(self) -> None:
        now = after(days=64, hours=1)
        desk = at_owner("shops", at=now)
        said = desk.ticks(now + timedelta(seconds=1))
        assert not rungs(said)
        assert {level for _, level in told(said)} == {"breach"}  # that the dates were missed is no secret
        assert not new_dates(said)

    def test_the_ladder_climbs_from_the_new_date(self) -> None:
        now = after(days=64, hours=1)
        desk = at_owner("shops", at=now)
        given = answer_date(desk.case.life)
        assert given is not None
        said = run_until(desk, given - timedelta(seconds=1))
        assert not [clock for clock, level in rungs(said) if clock != "owner" and level != "rung_1"]
        said = run_until(desk, given + timedelta(days=4))
        assert ("promise", "rung_2") in rungs(said)

    def test_one_in_time_gets_no_second_date(self) -> None:
        desk = at_owner("shops", at=after(hours=1))
        assert not new_dates(desk.said)


class TestComingBack:
    def test_who_reopens_after_the_date_gets_a_new_one_in_the_same_breath(self) -> None:
        desk = at_owner()
        run_until(desk, after(days=20))
        desk.story.resolved(after(days=20))
        desk.story.closed(after(days=21))
        desk.hears()
        now = after(days=70, hours=2)
        before = len(desk.said)
        desk.story.reopened(now, to="shops")
        said = desk.hears().said[before:]
        assert all(date > now for date in new_dates(said)) and new_dates(said)
        at = answer_date(desk.case.life)
        assert at is not None and at > now
        assert not rungs(desk.ticks(now + timedelta(seconds=1)))

    def test_who_reopens_in_time_keeps_what_was_left(self) -> None:
        desk = at_owner()
        desk.story.resolved(after(hours=2))
        desk.story.reopened(after(days=1), to="shops")
        desk.hears()
        assert not new_dates(desk.said)
        assert answer_date(desk.case.life) == desk.clock("journey").deadline

    def test_an_answer_after_the_date_brings_a_new_one(self) -> None:
        desk = at_owner()
        run_until(desk, after(days=60))  # every date that the clock may give has been given and missed
        desk = at_owner(at=after(days=30))
        desk.story.asked(after(days=31))
        desk.story.heard(after(days=31))
        desk.story.answered(after(days=35))
        desk.hears()
        at = answer_date(desk.case.life)
        assert at is not None and at > after(days=35)

    def test_a_date_that_the_clock_gave_stands_while_the_customer_is_asked_and_goes_on_after(self) -> None:
        desk = at_owner(at=after(days=30))
        given = answer_date(desk.case.life)
        assert given is not None
        desk.story.asked(after(days=30, hours=1))
        desk.story.told(after(days=30, hours=1))
        desk.hears()
        assert answer_date(desk.case.life) is None
        assert ("promise", "breach") not in told(run_until(desk, after(days=33)))
        before = len(desk.said)
        desk.story.answered(after(days=33, hours=1))
        said = desk.hears().said[before:]
        later = answer_date(desk.case.life)
        assert later is not None and later > given
        assert later in new_dates(said)


class TestBreach:
    def test_the_breach_brings_the_new_date_with_it(self) -> None:
        desk = Desk(Story(), rules([POLICY | {"max_extensions": 0}]))
        desk.story.assigned()
        said = run_until(desk.hears(), after(days=4, hours=8))
        (breach,) = (e for e in said if isinstance(e, sla.DeadlineBreached) and e.clock == "journey")
        assert breach.new_due_at is not None and breach.new_due_at > breach.fired_at

    def test_a_date_that_is_still_to_come_stays(self) -> None:
        desk = at_owner()
        said = run_until(desk, after(days=4, hours=8))  # the delay notice came before the breach
        (breach,) = (e for e in said if isinstance(e, sla.DeadlineBreached) and e.clock == "journey")
        assert breach.new_due_at is None

    def test_a_broken_promise_of_a_person_brings_no_date_of_ours(self) -> None:
        desk = at_owner()
        desk.story.promised(after(hours=1), after(hours=5), VISIT)
        said = run_until(desk.hears(), after(hours=6))
        (breach,) = (e for e in said if isinstance(e, sla.DeadlineBreached) and e.clock == "promise")
        assert breach.new_due_at is None

    def test_the_clock_gives_dates_only_so_often(self) -> None:
        desk = at_owner()
        said = run_until(desk, after(days=200))
        assert len(new_dates(said)) == desk.case.life.dates == MOST_DATES
        assert not [
            e for e in said if isinstance(e, sla.ComplaintEscalated) and e.clock == "promise"
        ]  # billing has none


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2_000),
    st.lists(st.sampled_from(sorted(STEPS)), max_size=6),
    st.lists(st.integers(1, 400), max_size=6),
)
def test_whenever_work_begins_again_the_date_lies_ahead(late: int, steps: list[str], waits: list[int]) -> None:
    now = MONDAY + timedelta(hours=late)
    desk = at_owner("shops", at=now)
    for number, step in enumerate(steps):
        now += timedelta(hours=waits[number] if number < len(waits) else 7)
        desk.ticks(now)
        STEPS[step](desk.story, now)
        desk.hears()
        desk.ticks(now)
        at, life = answer_date(desk.case.life), desk.case.life
        assert at is None or at > now or life.dates == MOST_DATES or life.phase != "handling"
    for event in desk.said:
        given_at = getattr(event, "new_due_at", None)
        assert given_at is None or given_at > event.occurred_at
