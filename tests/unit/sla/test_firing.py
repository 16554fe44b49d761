"""What fires, when, to whom, and that each fires once."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.domain.levels import next_due
from tests.unit.sla.story import LADDER, MONDAY, POLICY, RULES, Desk, Story, after, department, rules
from tests.unit.sla.test_clocks import CALL, STEPS, VISIT


def at_owner(owner: str = "billing", **fields: Any) -> Desk:
    story = Story(owner=owner)
    story.assigned(**fields)
    return Desk(story).hears()


def due(desk: Desk) -> datetime | None:
    level = next_due(desk.case.life, desk.rules, desk.case.fired)
    return None if level is None else level.at


def told(events: list[Any]) -> list[tuple[str, str]]:
    return [(event.clock, event.level) for event in events if hasattr(event, "level")]


def run_until(desk: Desk, end: datetime) -> list[Any]:
    """Tick at every moment at which something is due."""
    said: list[Any] = []
    while (moment := due(desk)) is not None and moment <= end:
        said += desk.ticks(moment)
    return said


class TestOrderOfLevels:
    def test_the_journey_warns_gives_a_new_date_and_breaches(self) -> None:
        desk = at_owner()
        said = [event for event in run_until(desk, after(days=20)) if getattr(event, "clock", "") == "journey"]
        assert [(e.level, e.due_at) for e in said] == [
            ("warn_50", after(days=2, hours=4)),
            ("warn_80", after(days=3, hours=8)),
            ("delay", after(days=4, hours=4)),
            ("breach", after(days=4, hours=8)),
        ]
        assert all(e.deadline_at == after(days=4, hours=8) and not e.late for e in said)

    def test_nothing_fires_before_it_is_due(self) -> None:
        desk = at_owner()
        first = due(desk)
        assert first == after(hours=2)  # half of the first response
        assert desk.ticks(first - timedelta(microseconds=1)) == []
        assert told(desk.ticks(first)) == [("first_response", "warn_50")]

    def test_each_level_fires_once(self) -> None:
        desk = at_owner()
        fired = [(e.clock, e.clock_epoch, e.level) for e in run_until(desk, after(days=40)) if hasattr(e, "level")]
        assert len(fired) == len(set(fired))
        assert desk.ticks(after(days=50)) == []
        assert due(desk) is None

    def test_the_ladder_is_climbed_by_the_owner_clock_of_the_owning_department(self) -> None:
        desk = at_owner("shops")
        said = [e for e in run_until(desk, after(days=9)) if getattr(e, "clock", "") == "owner"]
        assert [(e.level, getattr(e, "to", None), e.due_at) for e in said] == [
            ("warn_50", None, after(days=1, hours=4)),
            ("rung_1", "lead", after(days=2, hours=2)),
            ("warn_80", None, after(days=2, hours=3.2)),
            ("breach", None, after(days=2, hours=8)),
            ("rung_2", "office", after(days=2, hours=8)),
            ("rung_3", "lead", after(days=3, hours=4)),
        ]

    def test_clocks_that_policy_does_not_name_climb_no_ladder(self) -> None:
        said = run_until(at_owner("shops"), after(days=9))
        assert not [level for clock, level in told(said) if clock == "first_response" and level.startswith("rung")]

    def test_reminders_of_a_resolution_are_warnings_of_the_confirmation_clock(self) -> None:
        desk = at_owner()
        desk.story.resolved(after(hours=1))
        desk.story.told(after(hours=1, minutes=5))
        said = run_until(desk.hears(), after(days=30))
        assert told(said) == [("confirmation", "warn_60"), ("confirmation", "breach")]


class TestSubject:
    def test_what_fires_of_a_question_or_a_resolution_names_it(self) -> None:
        for act in ("asked", "resolved"):
            desk = at_owner()
            waits = getattr(desk.story, act)(after(hours=1))
            desk.story.told(after(hours=1))
            fired = [
                e
                for e in run_until(desk.hears(), after(days=60))
                if getattr(e, "clock", "") in ("answer", "confirmation")
            ]
            assert fired and {e.subject_event_id for e in fired} == {waits.event_id}
            others = [e for e in run_until(desk, after(days=60)) if getattr(e, "clock", "answer") == "journey"]
            assert all(e.subject_event_id is None for e in others)


class TestNewDate:
    def test_the_delay_notice_starts_a_promise_to_the_new_date(self) -> None:
        desk = at_owner()
        said = run_until(desk, after(days=4, hours=4))
        delay = next(e for e in said if getattr(e, "level", "") == "delay")
        assert delay.new_due_at == after(days=8, hours=8)  # sixteen working hours behind Friday's close
        assert desk.clock("promise").deadline == delay.new_due_at
        started = said[-1]
        assert [(c.kind, c.due_at) for c in started.clocks] == [("promise", delay.new_due_at)]

    def test_that_date_and_a_promise_of_a_person_each_breach_at_their_own_time(self) -> None:
        """C1: the later one used to stop the other, which then counted as met."""
        desk = at_owner()
        desk.story.promised(after(hours=1), after(days=4, hours=6), VISIT)
        said = run_until(desk.hears(), after(days=4, hours=5))
        (delay,) = [e for e in said if getattr(e, "level", "") == "delay"]
        assert sorted(c.deadline for c in desk.case.life.running() if c.kind == "promise") == [
            after(days=4, hours=6),
            delay.new_due_at,
        ]
        desk.story.promised(after(days=4, hours=5, minutes=30), after(days=20), CALL)
        said = run_until(desk.hears(), after(days=21))
        breaches = {e.deadline_at for e in said if e.kind == "deadline.breached.v1" and e.clock == "promise"}
        assert breaches >= {after(days=4, hours=6), delay.new_due_at, after(days=20)}

    def test_it_is_given_as_often_as_policy_allows(self) -> None:
        for allowed in (0, 1, 2):
            desk = Desk(Story(), rules([POLICY | {"max_extensions": allowed}]))
            desk.story.assigned()
            said = run_until(desk.hears(), after(days=60))
            delays = [e for e in said if getattr(e, "level", "") == "delay"]
            assert [e.clock for e in delays] == ["journey", "promise"][:allowed]
            assert len({e.new_due_at for e in delays}) == allowed

    def test_a_later_date_promised_by_a_person_needs_no_second_word(self) -> None:
        desk = at_owner()
        desk.story.promised(after(hours=1), after(days=10), VISIT)
        assert ("journey", "delay") not in told(run_until(desk.hears(), after(days=9)))

    def test_after_an_outage_the_new_date_still_lies_ahead(self) -> None:
        desk = at_owner()
        now = after(days=30)
        (delay,) = [e for e in desk.ticks(now) if getattr(e, "level", "") == "delay"]
        assert delay.new_due_at > now


class TestLateStart:
    """A complaint that a shop took down while it was offline, or a ticker that was away."""

    def test_what_is_overdue_fires_at_once_and_says_that_it_is_late(self) -> None:
        desk = at_owner("shops", at=after(days=20))
        said = [e for e in desk.ticks(after(days=20, minutes=1)) if hasattr(e, "level")]
        assert said and all(e.late for e in said)
        assert ("journey", "breach") in told(said)

    def test_a_breach_makes_the_warnings_before_it_needless_but_not_the_new_date(self) -> None:
        desk = at_owner("shops")
        said = desk.ticks(after(days=30))
        assert {level for clock, level in told(said) if clock == "journey"} == {"rung_1", "delay", "breach"}
        quiet = {firing.level.key for firing in desk.firings if firing.event_id is None}
        assert {("journey", 1, "warn_50"), ("journey", 1, "warn_80")} <= quiet
        assert all(key in desk.case.fired for key in quiet)

    def test_a_minute_is_not_late(self) -> None:
        desk = at_owner()
        (warned,) = desk.ticks(after(hours=2, seconds=60))
        assert not warned.late


class TestStandingStill:
    def test_a_paused_clock_does_not_fire(self) -> None:
        desk = at_owner()
        desk.story.asked(after(hours=1))
        desk.story.told(after(hours=1))
        desk.hears()
        fired = {clock for clock, _ in told(run_until(desk, after(days=60)))}
        assert fired == {"answer"}

    def test_nothing_fires_after_closing(self) -> None:
        desk = at_owner()
        desk.story.closed(after(hours=1))
        desk.hears()
        assert due(desk) is None
        assert desk.ticks(after(days=60)) == []

    def test_a_reopened_case_does_not_fire_again_what_had_fired(self) -> None:
        desk = at_owner()
        before = told(run_until(desk, after(days=3)))
        desk.story.resolved(after(days=3))
        desk.story.told(after(days=3))
        desk.story.reopened(after(days=5), to="office")
        desk.hears()
        later = told(run_until(desk, after(days=40)))
        assert ("journey", "warn_50") in before
        assert ("journey", "warn_50") not in later
        assert ("journey", "breach") in later

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6), st.lists(st.integers(1, 400), max_size=6))
    def test_no_level_of_an_epoch_fires_twice_nor_early_whatever_happens(
        self, steps: list[str], waits: list[int]
    ) -> None:
        desk = at_owner("shops")
        now = MONDAY
        said: list[Any] = []
        for number, step in enumerate(steps):
            now += timedelta(hours=waits[number] if number < len(waits) else 7)
            said += [e for e in desk.ticks(now) if hasattr(e, "level")]
            STEPS[step](desk.story, now)
            desk.hears()
        said += [e for e in desk.ticks(now + timedelta(days=90)) if hasattr(e, "level")]
        keys = [(e.clock, e.clock_epoch, e.level) for e in said]
        assert len(keys) == len(set(keys))
        assert all(e.fired_at >= e.due_at for e in said)


def test_a_department_the_pinned_policy_does_not_know_uses_the_policys_own_calendar() -> None:
    desk = at_owner()
    desk.story.assigned(after(hours=1), to="brand-new", how="transfer")
    assert desk.hears().clock("owner").budget.calendar == "office"


def test_rules_survive_being_kept_beside_the_complaints() -> None:
    import json

    from services.sla.domain.rules import Rules

    kept = json.loads(json.dumps(rules(night=department("night", calendar="round", escalation=LADDER)).snapshot()))
    again = Rules.from_snapshot("test", "1+00000000", kept)
    assert {name: c.spec for name, c in again.calendars.items()} == {n: c.spec for n, c in RULES.calendars.items()}
    assert again.sla == RULES.sla
    assert again.departments["night"].escalation[2].after_breach is not None
