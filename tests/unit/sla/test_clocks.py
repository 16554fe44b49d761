"""Which clocks run when: the life of a complaint as clocks see it."""

import json
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json as json_of

from services.sla.domain.clocks import Clock
from services.sla.domain.facts import fact_of, from_json, to_json, with_fact
from services.sla.domain.ledger import ledger
from services.sla.domain.life import live
from shared.events import sla
from tests.unit.sla.story import MONDAY, RULES, Desk, Story, after

VISIT = UUID("01900000-0000-7000-8000-00000000aaaa")
CALL = UUID("01900000-0000-7000-8000-00000000cccc")


LEGAL = {
    "clock.started.v1": ({None}, "running"),
    "clock.paused.v1": ({"running"}, "paused"),
    "clock.resumed.v1": ({"paused", "stopped"}, "running"),
    "clock.stopped.v1": ({"running", "paused"}, "stopped"),
}
STEPS = {
    "accepted": Story.accepted,
    "progress": Story.progress,
    "asked": Story.asked,
    "told": Story.told,
    "told_by_phone": Story.told_by_phone,
    "replied": Story.replied,
    "confirmed": Story.confirmed,
    "disputed": Story.disputed,
    "answered": Story.answered,
    "answered_by_phone": lambda story, at: story.answered(at, "staff:li"),
    "resolved": Story.resolved,
    "closed": Story.closed,
    "reopened": Story.reopened,
    "reopened_by_phone": lambda story, at: story.reopened(at, actor="staff:li"),
    "heard": Story.heard,
    "transfer": lambda story, at: story.assigned(at, to="shops", how="transfer"),
    "promise": lambda story, at: story.promised(at, at + timedelta(days=1), VISIT),
}


def told() -> tuple[Story, Desk]:
    story = Story()
    return story, Desk(story)


class TestAssignment:
    def test_the_first_assignment_starts_journey_owner_first_response_and_silence_in_one_event(self) -> None:
        story, desk = told()
        story.assigned(after(minutes=1))
        (started,) = desk.hears().said
        assert isinstance(started, sla.ClockStarted)
        assert started.first
        assert {c.kind for c in started.clocks} == {"journey", "owner", "first_response", "silence"}
        assert started.cause.id == str(story.events[0].event_id)
        assert started.version == 1

    def test_the_journey_counts_from_receipt_and_the_owner_from_assignment(self) -> None:
        story, desk = told()
        story.assigned(after(hours=2))
        desk.hears()
        assert desk.clock("journey").started_at == MONDAY
        assert desk.clock("journey").deadline == after(days=4, hours=8)
        assert desk.clock("owner").started_at == after(hours=2)
        assert desk.clock("owner").deadline == after(days=3, hours=2)

    def test_a_transfer_restarts_the_owner_clock_but_never_the_journey(self) -> None:
        story, desk = told()
        story.assigned()
        story.assigned(after(hours=4), to="shops", how="transfer")
        desk.hears()
        assert desk.clock("owner", 1).state == "stopped"
        assert desk.clock("owner", 2).started_at == after(hours=4)
        assert desk.clock("journey").started_at == MONDAY
        assert desk.clock("journey").epoch == 1
        started, stopped = desk.said[1:]
        assert [(c.kind, c.epoch) for c in stopped.clocks] == [("owner", 1)]
        assert [(c.kind, c.epoch) for c in started.clocks] == [("owner", 2)]
        assert not started.first
        assert started.department == "shops"

    def test_a_higher_priority_shortens_what_starts_from_then_on_and_leaves_the_date_that_was_told(self) -> None:
        story, desk = told()
        story.assigned()
        before = desk.hears().clock("journey").deadline
        story.assigned(after(hours=1), how="triage", priority="urgent")
        desk.hears()
        assert desk.clock("journey").deadline == before
        assert desk.clock("owner").deadline == after(hours=3)


class TestFirstResponse:
    def test_a_click_inside_the_house_does_not_end_it(self) -> None:
        """C9: the customer was told when they would hear from a person, and heard nothing."""
        story, desk = told()
        story.assigned()
        story.accepted(after(hours=1))
        desk.hears()
        assert desk.clock("first_response").state == "running"

    def test_one_that_an_earlier_release_ended_so_stays_ended(self) -> None:
        story, desk = told()
        story.assigned()
        desk.hears()
        stored = [*to_json(desk.case.facts), {"kind": "accepted", "at": after(hours=1).isoformat(), "order": 9}]
        life = live(from_json(json.loads(json_of(stored))), RULES)
        assert life.clocks["first_response", 1].outcome == "met"

    def test_it_ends_with_the_first_word_to_the_customer_too(self) -> None:
        for word in ("progress", "asked", "promised", "resolved"):
            story, desk = told()
            story.assigned()
            more = (after(days=1), VISIT) if word == "promised" else ()
            getattr(story, word)(after(hours=5), *more)
            desk.hears()
            assert desk.clock("first_response").outcome == "late"


class TestWaitingForTheCustomer:
    def test_journey_and_owner_stand_still_until_the_answer(self) -> None:
        story, desk = told()
        story.assigned()
        story.asked(after(hours=2))
        story.told(after(hours=2))
        desk.hears()
        assert desk.clock("journey").state == desk.clock("owner").state == "paused"
        assert desk.clock("answer").deadline == after(days=5, hours=15)  # the end of the fifth day
        story.answered(after(days=2, hours=2))
        desk.hears()
        assert desk.clock("journey").deadline == after(days=8, hours=8)  # two working days and a weekend later
        assert desk.clock("owner").deadline == after(days=4, hours=8)
        assert desk.clock("answer").outcome == "met"
        assert desk.kinds()[-2:] == ["clock.resumed", "clock.stopped"]

    def test_a_transfer_meanwhile_starts_the_new_owners_clock_standing_still(self) -> None:
        story, desk = told()
        story.assigned()
        story.asked(after(hours=2))
        story.told(after(hours=2))
        story.assigned(after(hours=3), to="shops", how="transfer")
        desk.hears()
        assert desk.clock("owner").state == "paused"
        story.answered(after(hours=4))
        desk.hears()
        assert desk.clock("owner").deadline == after(days=3, hours=4)

    def test_a_clock_that_was_late_already_keeps_its_date(self) -> None:
        story, desk = told()
        story.assigned()
        desk.hears()
        due = desk.clock("owner").deadline
        story.asked(due + timedelta(hours=1))
        story.told(due + timedelta(hours=1))
        story.answered(due + timedelta(days=1))
        desk.hears()
        assert desk.clock("owner").deadline == due


class TestResolution:
    def test_it_stops_the_owner_pauses_the_journey_and_waits_for_confirmation(self) -> None:
        story, desk = told()
        story.assigned()
        story.resolved(after(days=1))
        story.told(after(days=1))
        desk.hears()
        assert desk.clock("owner").outcome == "met"
        assert desk.clock("journey").state == "paused"
        assert desk.clock("confirmation").state == "running"

    def test_closing_stops_everything(self) -> None:
        story, desk = told()
        story.assigned()
        story.resolved(after(days=1))
        story.told(after(days=1))
        story.closed(after(days=3))
        desk.hears()
        assert {clock.state for clock in desk.case.life.clocks.values()} == {"stopped"}
        assert desk.clock("journey").outcome == "met"

    def test_withdrawal_without_a_resolution_stops_everything(self) -> None:
        story, desk = told()
        story.assigned()
        story.closed(after(hours=1), how="withdrawn")
        desk.hears()
        assert {clock.state for clock in desk.case.life.clocks.values()} == {"stopped"}

    def test_not_settled_continues_the_same_journey_at_the_next_stage(self) -> None:
        story, desk = told()
        story.assigned()
        story.resolved(after(days=1))
        story.told(after(days=1))
        story.reopened(after(days=3), to="office")
        desk.hears()
        journey = desk.clock("journey")
        assert (journey.state, journey.epoch, journey.started_at) == ("running", 1, MONDAY)
        assert journey.used(after(days=3)) == timedelta(hours=8)
        assert desk.clock("owner").epoch == 2
        assert desk.clock("confirmation").state == "stopped"

    def test_reopening_a_closed_case_continues_the_journey_without_the_time_it_was_closed(self) -> None:
        story, desk = told()
        story.assigned()
        story.resolved(after(days=1))
        story.told(after(days=1))
        story.closed(after(days=2), how="no_answer")
        story.reopened(after(days=30), to="office")
        desk.hears()
        assert desk.clock("journey").state == "running"
        assert desk.clock("journey").used(after(days=30)) == timedelta(hours=8)
        assert "clock.resumed" in desk.kinds()


class TestSilence:
    def test_only_a_notice_that_reached_the_customer_restarts_it(self) -> None:
        story, desk = told()
        story.assigned()
        story.progress(after(hours=6))
        desk.hears()
        assert desk.clock("silence").deadline == after(days=1, hours=8)
        story.heard(after(hours=7))
        desk.hears()
        assert desk.clock("silence").deadline == after(days=2, hours=7)
        assert desk.clock("silence").epoch == 2

    def test_a_notice_before_the_assignment_counts(self) -> None:
        story, desk = told()
        story.heard(after(hours=1))
        story.assigned(after(hours=2))
        desk.hears()
        assert desk.clock("silence").started_at == after(hours=1)

    def test_the_acknowledgement_seconds_after_receipt_is_no_news_of_a_clock(self) -> None:
        story, desk = told()
        story.assigned(after(seconds=1))
        story.heard(after(seconds=2))
        desk.hears()
        assert desk.kinds() == ["clock.started"]
        story.heard(after(hours=1))
        desk.hears()
        assert desk.kinds() == ["clock.started", "clock.started"]

    def test_it_stands_still_while_the_customer_has_the_ball_and_knows_it(self) -> None:
        story, desk = told()
        story.assigned()
        story.asked(after(hours=2))
        desk.hears()
        assert desk.clock("silence").state == "running"
        story.told(after(hours=3))
        desk.hears()
        assert desk.clock("silence").state == "paused"
        story.answered(after(days=1, hours=1))
        desk.hears()
        assert desk.clock("silence").epoch == 2
        assert desk.clock("silence").deadline == after(days=3, hours=1)

    @pytest.mark.parametrize(
        "actor, answered, starts",
        [("staff:li", True, 26), ("staff:li", False, 0), ("customer", True, 0), ("clock", False, 0)],
    )
    def test_a_customer_whose_answer_was_taken_down_on_the_phone_was_spoken_to(
        self, actor: str, answered: bool, starts: int
    ) -> None:
        story, desk = told()
        story.assigned()
        story.asked(after(hours=2))  # nobody could write to them: no notice was sent
        story.answered(after(hours=26), actor, answered)
        desk.hears()
        assert desk.clock("silence").started_at == after(hours=starts)

    def test_a_customer_who_said_on_the_phone_that_it_is_not_settled_was_spoken_to(self) -> None:
        story, desk = told()
        story.assigned()
        story.resolved(after(hours=2))
        story.reopened(after(hours=26), "office", actor="staff:li")
        desk.hears()
        assert desk.clock("silence").started_at == after(hours=26)
        assert from_json(json.loads(json_of(to_json(desk.case.facts)))) == desk.case.facts

    def test_it_ends_with_the_case_however_the_last_notice_and_the_closing_cross(self) -> None:
        for crossed in (False, True):
            story, desk = told()
            story.assigned()
            story.resolved(after(hours=2))
            story.told(after(hours=2, minutes=5))
            story.closed(after(hours=5))
            story.heard(after(hours=5, minutes=2))
            desk.hears(*(reversed(story.events) if crossed else story.events))
            silence = desk.clock("silence")
            assert (silence.epoch, silence.state, silence.paused_at) == (1, "stopped", after(hours=2, minutes=5))


def promises(desk: Desk) -> list[Clock]:
    return [clock for key, clock in sorted(desk.case.life.clocks.items()) if key[0] == "promise"]


class TestPromise:
    def test_it_has_a_clock_of_its_own_and_only_a_new_promise_moves_it(self) -> None:
        story, desk = told()
        story.assigned()
        story.promised(after(hours=1), after(days=2), VISIT)
        story.asked(after(hours=2))
        desk.hears()
        assert desk.clock("promise").state == "running"
        assert desk.clock("promise").deadline == after(days=2)
        story.renewed(after(hours=3), after(days=3), VISIT)
        desk.hears()
        assert [c.state for k, c in desk.case.life.clocks.items() if k[0] == "promise"] == ["stopped", "running"]
        assert desk.clock("promise").deadline == after(days=3)

    def test_one_that_is_moved_in_time_was_neither_kept_nor_broken(self) -> None:
        story, desk = told()
        story.assigned()
        story.promised(after(hours=1), after(days=2), VISIT)
        story.renewed(after(days=1), after(days=3), VISIT)
        story.renewed(after(days=4), after(days=5), VISIT)
        desk.hears()
        assert [c.outcome for c in promises(desk)] == [None, "late", None]
        assert [c.moved for c in promises(desk)] == [True, True, False]

    def test_promises_of_different_things_stand_beside_each_other(self) -> None:
        story, desk = told()
        story.assigned()
        story.promised(after(hours=1), after(days=2), VISIT)
        story.promised(after(hours=2), after(days=3), CALL)
        desk.hears()
        assert [c.state for c in promises(desk)] == ["running", "running"]
        story.progress(after(hours=3), promise_id=VISIT)
        desk.hears()
        assert [c.outcome for c in promises(desk)] == ["met", None]
        assert promises(desk)[1].state == "running"

    def test_a_report_that_keeps_it_ends_it_and_one_that_does_not_leaves_it(self) -> None:
        story, desk = told()
        story.assigned()
        story.promised(after(hours=1), after(days=2), VISIT)
        story.progress(after(hours=2))
        desk.hears()
        assert desk.clock("promise").state == "running"
        story.progress(after(hours=3), promise_id=VISIT)
        desk.hears()
        assert desk.clock("promise").outcome == "met"


class TestOrder:
    """I6: whatever order the two topics arrive in, the complaint ends in one state."""

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_any_order_with_repetitions_gives_the_same_clocks(self, data: st.DataObject) -> None:
        story = Story()
        story.assigned(after(minutes=1))
        steps = data.draw(st.lists(st.sampled_from(sorted(STEPS)), max_size=8))
        for number, step in enumerate(steps, 1):
            STEPS[step](story, after(hours=3 * number))
        expected = Desk(story).hears()
        order = data.draw(st.permutations(story.events))
        again = data.draw(st.lists(st.sampled_from(story.events), max_size=4))
        other = Desk(story).hears(*order, *again)
        assert other.case.facts == expected.case.facts
        assert other.case.life == expected.case.life
        assert other.case.shown == expected.case.shown

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.sampled_from(sorted(STEPS)), max_size=9))
    def test_what_was_said_tells_the_state_of_every_clock(self, steps: list[str]) -> None:
        """Each clock starts once, is paused while it runs and resumed while it does not; the last word is the truth."""
        story = Story()
        story.assigned(after(minutes=1))
        for number, step in enumerate(steps, 1):
            STEPS[step](story, after(hours=3 * number))
        desk = Desk(story).hears()
        states: dict[tuple[str, int], str] = {}
        for event in desk.said:
            before, then = LEGAL[event.kind]
            for clock in event.clocks:
                key = clock.kind, clock.epoch
                assert states.get(key) in before, (event.kind, key, states.get(key))
                states[key] = then
        assert {key: clock.state for key, clock in desk.case.life.clocks.items()}.items() <= states.items()
        live = [kind for (kind, _), clock in desk.case.life.clocks.items() if clock.state != "stopped"]
        assert len(live) == len(set(live))
        assert [event.version for event in desk.said] == list(range(1, len(desk.said) + 1))

    def test_facts_survive_storage(self) -> None:
        story = Story()
        story.assigned()
        story.promised(after(hours=1), after(days=2), VISIT)
        story.heard(after(hours=2))
        facts = Desk(story).hears().case.facts
        assert from_json(json.loads(json_of(to_json(facts)))) == facts

    def test_an_event_seen_before_changes_nothing(self) -> None:
        story = Story()
        fact = fact_of(story.assigned())
        assert fact is not None
        assert with_fact((fact,), fact) is None


class TestLedger:
    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.sampled_from(sorted(STEPS)), max_size=8))
    def test_its_lines_sum_exactly_to_the_journey(self, steps: list[str]) -> None:
        story = Story()
        story.assigned(after(minutes=1))
        at = after(minutes=1)
        for step in steps:
            at += timedelta(hours=5, seconds=1)
            STEPS[step](story, at)
        desk = Desk(story).hears()
        life, now = desk.case.life, at + timedelta(days=3)
        lines = ledger(life, RULES, now)
        assert sum((line.total for line in lines), timedelta(0)) == (life.closed_at or now) - MONDAY
        assert all(line.open + line.closed == line.total and line.closed >= timedelta(0) for line in lines)
        assert all(before.until == then.since for before, then in pairwise(lines))

    def test_it_tells_our_latency_the_owners_and_the_customers_time_apart(self) -> None:
        story, desk = told()
        story.assigned(after(minutes=5))
        story.asked(after(hours=2))
        story.told(after(hours=2))
        story.answered(after(hours=6))
        story.assigned(after(hours=7), to="shops", how="transfer")
        desk.hears()
        lines = ledger(desk.case.life, RULES, after(days=1))
        assert [(line.party, line.department, line.total) for line in lines] == [
            ("ourselves", None, timedelta(minutes=5)),
            ("owner", "billing", timedelta(hours=1, minutes=55)),
            ("customer", "billing", timedelta(hours=4)),
            ("owner", "billing", timedelta(hours=1)),
            ("owner", "shops", timedelta(hours=17)),
        ]
        assert lines[-1].open == timedelta(hours=1)

    def test_a_complaint_nobody_owns_yet_has_no_ledger(self) -> None:
        assert ledger(live((), RULES), RULES, MONDAY) == ()
