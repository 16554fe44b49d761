"""Silence counts only when somebody was told (trial C4), and a customer's word ends it when it is said (C2)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json as json_of

from services.sla.domain.facts import from_json, to_json
from services.sla.domain.life import live
from tests.unit.sla.story import RULES, Desk, Story, after
from tests.unit.sla.test_clocks import STEPS
from tests.unit.sla.test_firing import run_until

WAITS = {"asked": "answer", "resolved": "confirmation"}
WORDS = [("asked", "replied"), ("resolved", "confirmed"), ("resolved", "disputed")]
each = pytest.mark.parametrize("act", sorted(WAITS))


def waiting(act: str) -> Desk:
    """A case in which the customer was asked, or got an answer, after an hour."""
    desk = Desk(Story())
    desk.story.assigned()
    getattr(desk.story, act)(after(hours=1))
    return desk.hears()


def waits_of(desk: Desk) -> dict[Any, Any]:
    return {key: clock for key, clock in desk.case.life.clocks.items() if key[0] in ("answer", "confirmation")}


def fired(desk: Desk, until: timedelta = timedelta(days=90)) -> set[tuple[str, str]]:
    said = run_until(desk, after() + until)
    return {(e.clock, e.level) for e in said if hasattr(e, "level")}


@each
def test_nothing_runs_out_and_nothing_stands_still_before_the_customer_was_told(act: str) -> None:
    desk = waiting(act)
    assert desk.clock("journey").state == "running"
    assert desk.clock(WAITS[act]).held and desk.clock(WAITS[act]).deadline > after(days=5), "the notice names this date"
    happened = fired(desk)
    assert not {clock for clock, _ in happened} & {"answer", "confirmation"}
    assert ("journey", "breach") in happened, "so it does not wait for ever unseen"
    assert ("journey", "delay") not in happened or act == "asked"


@each
def test_it_begins_with_the_notice(act: str) -> None:
    desk = waiting(act)
    due = desk.clock(WAITS[act]).deadline
    desk.story.told(after(hours=1, minutes=2))
    before = len(desk.said)
    desk.hears()
    assert desk.clock("journey").paused_at == after(hours=1, minutes=2)
    assert (desk.clock(WAITS[act]).held, desk.clock(WAITS[act]).deadline) == (False, due)
    assert [e.kind for e in desk.said[before:]] == ["clock.paused.v1"], "no more events than when it began at once"
    assert (WAITS[act], "breach") in fired(desk)


@each
def test_another_notice_tells_nothing_of_it(act: str) -> None:
    desk = waiting(act)
    desk.story.heard(after(hours=2))
    desk.hears()
    assert desk.clock(WAITS[act]).held
    assert desk.clock("journey").state == "running"


@each
def test_a_recorded_call_begins_it_with_the_whole_time_to_answer(act: str) -> None:
    desk = waiting(act)
    first = desk.clock(WAITS[act]).deadline
    desk.story.told_by_phone(after(days=2))
    desk.hears()
    clock = desk.clock(WAITS[act])
    assert (clock.held, clock.started_at) == (False, after(days=2))
    assert clock.deadline > first
    assert desk.clock("journey").paused_at == after(days=2)
    assert desk.clock("silence").state == "paused", "they were spoken to"
    assert desk.kinds()[-2:] == ["clock.paused", "clock.resumed"]


@each
def test_told_after_the_notice_of_a_later_owner_pauses_that_owner(act: str) -> None:
    desk = waiting(act)
    desk.story.assigned(after(hours=3), to="shops", how="transfer")
    desk.story.told(after(hours=4))
    desk.hears()
    assert desk.clock("owner").state == ("paused" if act == "asked" else "running")


@pytest.mark.parametrize(("act", "word"), WORDS)
def test_the_customers_word_ends_the_clock_though_the_router_has_not_read_it(act: str, word: str) -> None:
    desk = waiting(act)
    desk.story.told(after(hours=1, minutes=1))
    getattr(desk.story, word)(after(days=4))
    desk.hears()
    clock = desk.clock(WAITS[act])
    assert (clock.state, clock.stopped_at, clock.outcome) == ("stopped", after(days=4), "met")
    assert not {clock for clock, _ in fired(desk)} & {"answer", "confirmation"}


@pytest.mark.parametrize(("act", "word"), WORDS)
def test_a_word_about_an_earlier_question_or_resolution_ends_nothing(act: str, word: str) -> None:
    desk = waiting(act)
    earlier = desk.story.last
    getattr(desk.story, act)(after(days=1))
    desk.story.told(after(days=1))
    desk.story.last = earlier
    getattr(desk.story, word)(after(days=2))
    desk.hears()
    assert desk.clock(WAITS[act]).state == "running"


@pytest.mark.parametrize(("act", "word"), WORDS)
def test_what_the_router_makes_of_it_later_changes_nothing_of_when_it_ended(act: str, word: str) -> None:
    then: dict[str, Any] = {"replied": Story.answered, "confirmed": Story.closed, "disputed": Story.reopened}
    desk = waiting(act)
    desk.story.told(after(hours=1, minutes=1))
    getattr(desk.story, word)(after(days=4))
    then[word](desk.story, after(days=30))
    desk.hears()
    clock = desk.clock(WAITS[act])
    assert (clock.stopped_at, clock.outcome) == (after(days=4), "met")
    stops = [c for e in desk.said if e.kind == "clock.stopped.v1" for c in e.clocks if c.kind == WAITS[act]]
    assert len(stops) == 1, "told once"


@each
def test_what_earlier_releases_stored_means_what_it_meant(act: str) -> None:
    """Their questions and resolutions counted at once, their notices named nothing."""
    desk = waiting(act)
    stored = json.loads(json_of(to_json(desk.case.facts)))
    for fact in stored:
        fact.pop("waits", None)
    life = live(from_json(stored), RULES)
    assert life.clocks["journey", 1].paused_at == after(hours=1)
    assert not life.untold
    heard = {"kind": "heard", "at": after(hours=1, minutes=1).isoformat(), "order": 1}
    assert not live(from_json([*json.loads(json_of(to_json(desk.case.facts))), heard]), RULES).untold


def test_earlier_releases_can_read_what_is_stored_now() -> None:
    """They know these kinds of fact and carry fields they do not know along."""
    story = Story()
    desk = Desk(story)
    story.assigned()
    story.asked(after(hours=1))
    story.told(after(hours=1))
    story.replied(after(hours=2))
    story.answered(after(hours=2))
    story.resolved(after(hours=3))
    story.told_by_phone(after(hours=4))
    story.confirmed(after(hours=5))
    desk.hears()
    kinds = {entry["kind"] for entry in to_json(desk.case.facts)}
    assert kinds == {"assigned", "asked", "heard", "answered", "resolved", "contact"}
    assert from_json(json.loads(json_of(to_json(desk.case.facts)))) == desk.case.facts


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 120)), max_size=9),
    st.permutations(range(12)),
)
def test_no_clock_of_the_customers_fires_untold_or_after_their_word(
    steps: list[tuple[str, int]], order: list[int]
) -> None:
    """Whatever happens, and in whatever order the events of the two writers become known."""
    story, at = Story(), after()
    story.assigned()
    for step, length in steps:
        at += timedelta(hours=length)
        STEPS[step](story, at)
    routed = [e for e in story.events if hasattr(e, "department")]
    others = [e for e in story.events if not hasattr(e, "department")]
    mixed: list[Any] = []
    for turn in order:
        source = routed if turn % 2 and routed else others or routed
        mixed += [source.pop(0)] if source else []
    desk, straight = Desk(story), Desk(story)
    desk.hears(*mixed, *routed, *others)
    straight.hears(*story.events)
    assert waits_of(desk) == waits_of(straight), "dates that the clock gives depend on when it learns of something"
    told = {getattr(e, "about", None) for e in story.events} | {
        str(e.tells_event_id) for e in story.events if getattr(e, "tells_event_id", None)
    }
    said = [e for e in run_until(desk, at + timedelta(days=60)) if getattr(e, "subject_event_id", None)]
    words = {("answer", e.question_event_id) for e in story.events if e.kind == "customer.replied.v1"}
    words |= {
        ("confirmation", e.resolution_event_id)
        for e in story.events
        if e.kind in ("complaint.confirmed.v1", "complaint.disputed.v1")
    }
    for event in said:
        assert str(event.subject_event_id) in told
        assert (event.clock, event.subject_event_id) not in words
