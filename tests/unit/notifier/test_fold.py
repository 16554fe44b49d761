"""Which notice follows from what happened, what the customer's page then shows, and in any order of topics."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.domain.actions import may
from services.notifier.domain.fold import fold
from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Plan, Step
from services.notifier.domain.suppress import Silence, silence
from shared.events import sla
from shared.events.envelope import Event
from tests.unit.notifier.story import BY_STAFF, SEALED, Story, day


def play(*events: Event, journey: Journey | None = None) -> tuple[Journey, list[Plan], list[str], list[bool]]:
    plans: list[Plan] = []
    said: list[str] = []
    releases: list[bool] = []
    for event in events:
        step: Step = fold(journey, event)
        journey = step.journey
        plans += step.plans
        said += [entry.what for entry in step.entries]
        releases.append(step.release)
    assert journey is not None
    return journey, plans, said, releases


def started(story: Story, **more: Any) -> list[Event]:
    """Submitted, assigned, clocks set, acknowledgement sent."""
    return [story.submitted(**more), story.assigned(), story.clocks(journey=day(7))]


def begun() -> tuple[Story, Journey]:
    """A complaint whose customer has the acknowledgement."""
    story = Story()
    journey, _, _, _ = play(*started(story))
    return story, replace(journey, acknowledged="full", held=False)


def test_the_acknowledgement_waits_for_owner_and_date_and_is_released_by_the_clocks() -> None:
    journey, plans, said, releases = play(*started(Story()))
    assert [(plan.kind, plan.waits) for plan in plans] == [("acknowledgement", "owner")]
    assert said == ["received", "assigned"]
    assert releases == [False, False, True]
    assert (journey.phase, journey.department, journey.due_at, journey.held) == ("assigned", "delivery", day(7), False)


def test_the_acknowledgement_does_not_wait_when_owner_and_date_came_first() -> None:
    story = Story()
    submitted, assigned, clocks = started(story)
    _, plans, _, _ = play(clocks, assigned, submitted)
    assert [(plan.kind, plan.waits) for plan in plans] == [("acknowledgement", "no")]


def test_the_first_owner_is_told_in_the_acknowledgement_and_not_once_more() -> None:
    story = Story()
    journey, plans, _, _ = play(story.submitted(), story.assigned(), story.moved("repair", "triage"))
    assert [plan.kind for plan in plans] == ["acknowledgement"]
    assert journey.department == "repair"


def test_an_owner_that_came_after_a_bare_acknowledgement_is_told() -> None:
    story = Story()
    journey, _, _, _ = play(story.submitted())
    journey, plans, _, _ = play(story.assigned(), journey=replace(journey, acknowledged="bare"))
    assert [(plan.kind, plan.waits) for plan in plans] == [("assignment", "owner")]
    assert journey.acknowledged == "full"


@pytest.mark.parametrize(
    ("how", "kind", "previous"),
    [
        ("transfer", "transfer", "delivery"),
        ("arbitration", "transfer", "delivery"),
        ("returned", "transfer", "delivery"),
        ("triage", "assignment", None),
        ("policy", "assignment", None),
    ],
)
def test_a_later_owner_is_told_with_the_date(how: str, kind: str, previous: str | None) -> None:
    story, journey = begun()
    _, plans, said, releases = play(story.moved("repair", how), story.clocks(owner=day(3)), journey=journey)
    assert [(plan.kind, plan.previous_department, plan.waits) for plan in plans] == [(kind, previous, "owner")]
    assert said == ["transferred" if kind == "transfer" else "assigned"]
    assert releases == [False, True]


def test_the_same_owner_anew_is_no_news() -> None:
    story, journey = begun()
    _, plans, _, _ = play(story.moved("delivery", "arbitration"), journey=journey)
    assert plans == []


def test_acceptance_is_shown_but_sends_nothing() -> None:
    story, journey = begun()
    journey, plans, said, _ = play(story.accepted(), journey=journey)
    assert (journey.phase, plans, said) == ("working", [], ["accepted"])


def test_progress_carries_the_departments_words() -> None:
    story, journey = begun()
    event = story.progress()
    journey, plans, said, _ = play(event, journey=journey)
    assert [(plan.kind, plan.cause_id, plan.subject_id, plan.waits) for plan in plans] == [
        ("progress", event.event_id, event.event_id, "no")
    ]
    assert said == ["progress"] and journey.phase == "assigned"


def test_a_question_waits_for_its_date_and_the_answer_for_the_new_date() -> None:
    story, journey = begun()
    asked = story.asked()
    paused = story.clocks(sla.ClockPaused, "paused", journey=None)
    answer_clock = story.clocks(answer=day(5))
    journey, plans, _, releases = play(asked, paused, answer_clock, journey=journey)
    assert [(plan.kind, plan.waits) for plan in plans] == [("question", "answer_date")]
    assert releases == [False, False, True]
    assert (journey.phase, journey.question_id, journey.due_at) == ("waiting", asked.event_id, None)
    assert journey.answer_due_at == day(5)
    resumed = [story.answered(), story.clocks(sla.ClockResumed, journey=day(9))]
    journey, plans, said, releases = play(*resumed, journey=journey)
    assert [(plan.kind, plan.waits, plan.variant) for plan in plans] == [("answer_received", "owner", "")]
    assert releases == [False, True] and said == ["answered"]
    assert (journey.phase, journey.question_id, journey.answer_due_at, journey.due_at) == (
        "working",
        None,
        None,
        day(9),
    )


def test_time_that_ran_out_for_an_answer_is_told_kindly() -> None:
    story, journey = begun()
    _, plans, said, _ = play(story.asked(), story.answered(answered=False), journey=journey)
    assert (plans[-1].variant, said) == ("no_answer", ["asked", "went_on"])


def test_an_answer_given_on_the_page_is_not_told_twice_and_one_by_phone_is() -> None:
    story, journey = begun()
    journey, _, _, _ = play(story.asked(), journey=journey)
    for replied in (True, False):
        step = fold(replace(journey, replied=replied, router_version=0), story.answered(answer=SEALED))
        assert [(entry.what, entry.text) for entry in step.entries] == [("answered", None)]
        spoken = story.answered(answer=SEALED, cause=BY_STAFF)
        step = fold(replace(journey, replied=replied, router_version=0), spoken)
        assert [(e.what, e.text, e.field) for e in step.entries] == [("answered_by_phone", SEALED, "answer")]
        after = step.journey
        assert (after.phase, after.question_id, after.replied) == ("working", None, False), "the page asks no more"
        assert may("reply", after) == "no"


def test_staff_that_end_the_wait_have_no_answer_to_show() -> None:
    story, journey = begun()
    ended = story.answered(answered=False, cause=BY_STAFF)
    _, _, said, _ = play(story.asked(), ended, journey=journey)
    assert said == ["asked", "went_on"]


def test_a_confirmation_by_phone_says_so_and_closes_as_one_on_the_page() -> None:
    story, journey = begun()
    journey, _, _, _ = play(story.proposed(), journey=journey)
    closed, plans, said, _ = play(story.closed(cause=BY_STAFF), journey=journey)
    assert (closed.phase, closed.closed_how, said) == ("closed", "confirmed", ["closed_by_phone"])
    assert [(plan.kind, plan.variant) for plan in plans] == [("closure", "confirmed")]
    assert (may("confirm", closed), may("rate", closed), may("dispute", closed)) == ("already", "yes", "yes")
    _, _, said, _ = play(story.closed("no_answer", cause=BY_STAFF), journey=journey)
    assert said == ["closed"]


def test_not_settled_by_phone_says_so_with_the_words_and_forgets_what_the_page_had_heard() -> None:
    story, journey = begun()
    journey, _, _, _ = play(story.proposed(), journey=journey)
    step = fold(replace(journey, decision="confirmed"), story.reopened(SEALED, cause=BY_STAFF))
    assert [(e.what, e.text, e.field) for e in step.entries] == [("reopened_by_phone", SEALED, "reason")]
    assert (step.journey.phase, step.journey.decision, step.journey.resolution_id) == ("assigned", None, None)
    assert [plan.kind for plan in step.plans] == ["reopened"]
    step = fold(journey, story.reopened(SEALED))
    assert [(e.what, e.text) for e in step.entries] == [("reopened", None)], "the page has the words already"


def test_a_promise_is_put_in_writing_and_a_new_date_for_it_is_an_apology() -> None:
    story, journey = begun()
    events = [story.promised(day(2)), story.renewed(day(4), previous=day(2))]
    _, plans, said, _ = play(*events, journey=journey)
    assert [(plan.kind, plan.due_at, plan.former_due_at, plan.variant) for plan in plans] == [
        ("promise", day(2), None, ""),
        ("delay", day(4), day(2), "promise"),
    ]
    assert said == ["promised", "postponed"]


def test_a_date_that_will_not_be_kept_brings_an_apology_and_the_new_date_before_it_passes() -> None:
    story, journey = begun()
    warned = story.warned("journey", new_due_at=day(10), deadline=day(7))
    journey, plans, said, _ = play(warned, journey=journey)
    assert [(plan.kind, plan.due_at, plan.former_due_at) for plan in plans] == [("delay", day(10), day(7))]
    assert (journey.due_at, said) == (day(10), ["postponed"])
    _, plans, _, _ = play(story.breached("journey", day(7)), journey=journey)
    assert plans == [], "the customer has the new date already"
    _, plans, _, _ = play(story.breached("promise", day(10)), journey=journey)
    assert [(plan.kind, plan.due_at, plan.former_due_at, plan.variant) for plan in plans] == [
        ("delay", None, day(10), "")
    ]


@pytest.mark.parametrize(("clock", "variant"), [("journey", ""), ("promise", "promise")])
def test_a_date_that_passed_without_a_new_one_is_owned_up_to(clock: str, variant: str) -> None:
    story, journey = begun()
    _, plans, _, _ = play(story.breached(clock, day(7)), journey=journey)
    assert [(plan.kind, plan.due_at, plan.former_due_at, plan.variant) for plan in plans] == [
        ("delay", None, day(7), variant)
    ]


@pytest.mark.parametrize("clock", ["journey", "promise"])
def test_a_date_that_passed_is_owned_up_to_with_the_new_one(clock: str) -> None:
    story, journey = begun()
    journey = replace(journey, extended_due_at=day(7))
    journey, plans, said, _ = play(story.breached(clock, day(7), new_due_at=day(12)), journey=journey)
    assert [(p.kind, p.due_at, p.former_due_at, p.variant) for p in plans] == [("delay", day(12), day(7), "")]
    assert (journey.due_at, said) == (day(12), ["postponed"])


def test_a_date_given_with_the_clocks_is_the_one_that_the_customer_is_told() -> None:
    """C3: an old complaint whose own date has passed."""
    story = Story()
    old = story.clocks(journey=day(-60), promise=day(5), new_due_at=day(5))
    journey, plans, _, releases = play(story.submitted(), story.assigned(), old)
    assert [plan.kind for plan in plans] == ["acknowledgement"] and releases[-1]
    assert journey.due_at == day(5)


@pytest.mark.parametrize("clock", ["owner", "silence", "first_response"])
def test_clocks_of_our_own_house_are_no_news_for_the_customer(clock: str) -> None:
    story, journey = begun()
    events = [story.warned(clock), story.breached(clock, day(1))]
    assert play(*events, journey=journey)[1] == []


def test_reminders_go_only_to_whom_we_wait_for() -> None:
    story, journey = begun()
    asked, warned = story.asked(), story.warned("answer")
    journey, plans, _, _ = play(asked, warned, journey=journey)
    assert (plans[-1].kind, plans[-1].subject_id) == ("reminder_answer", asked.event_id)
    assert fold(replace(journey, replied=True, sla_version=0), warned).plans == ()
    proposed, warned = story.proposed(), story.warned("confirmation")
    journey, plans, _, _ = play(proposed, warned, journey=journey)
    assert (plans[-1].kind, plans[-1].subject_id) == ("reminder_confirmation", proposed.event_id)
    assert fold(replace(journey, decision="confirmed", sla_version=0), warned).plans == ()


def test_a_resolution_asks_for_the_customers_word_until_a_date() -> None:
    story, journey = begun()
    proposed = story.proposed(remedy="refund")
    journey, plans, _, releases = play(proposed, story.clocks(confirmation=day(14)), journey=journey)
    assert [(plan.kind, plan.waits) for plan in plans] == [("resolution", "confirmation_date")]
    assert releases == [False, True]
    assert (journey.phase, journey.resolution_id, journey.remedy) == ("proposed", proposed.event_id, "refund")
    assert journey.confirmation_due_at == day(14)


@pytest.mark.parametrize(
    ("how", "kind", "variant", "what"),
    [
        ("confirmed", "closure", "confirmed", "closed"),
        ("no_answer", "closure", "no_answer", "closed"),
        ("merged", "closure", "merged", "closed"),
        ("withdrawn", "withdrawn", "", "withdrawn"),
    ],
)
def test_the_end_is_told_with_how_it_came(how: str, kind: str, variant: str, what: str) -> None:
    story, journey = begun()
    journey, plans, said, _ = play(story.proposed(), story.closed(how), journey=journey)
    assert (plans[-1].kind, plans[-1].variant, said[-1]) == (kind, variant, what)
    assert (journey.phase, journey.closed_how) == ("closed", how)


def test_a_reopening_is_one_message_with_the_new_owner() -> None:
    story, journey = begun()
    events = [story.proposed(), story.closed(), story.reopened(), story.moved("complaints-office", "reopen")]
    journey, plans, said, _ = play(*events, journey=journey)
    assert [plan.kind for plan in plans[2:]] == ["reopened"]
    assert (journey.phase, journey.stage, journey.closed_how) == ("assigned", 2, None)
    assert said[-2:] == ["reopened", "assigned"]


def test_amendments_are_part_of_the_story() -> None:
    story = Story()
    assert play(*started(story), story.amended())[2] == ["received", "assigned", "amended"]


def test_an_older_event_changes_no_state_but_its_words_are_told() -> None:
    """A dead letter that was replayed after a fix."""
    story, journey = begun()
    old, older, new = story.progress(), story.clocks(journey=day(1)), story.moved("repair")
    journey, _, _, _ = play(new, story.clocks(journey=day(2)), journey=journey)
    late = fold(journey, old)
    assert late.journey is journey and late.late
    assert [plan.kind for plan in late.plans] == ["progress"] and [entry.what for entry in late.entries] == ["progress"]
    assert fold(journey, older) == Step(journey, late=True)


def test_a_submission_that_comes_after_its_amendment_still_counts() -> None:
    story = Story()
    submitted, amended = story.submitted(), story.amended()
    journey, plans, said, _ = play(amended, submitted, submitted)
    assert journey.told and journey.intake_version == 2
    assert [plan.kind for plan in plans] == ["acknowledgement"] and said == ["amended", "received"]


def life(story: Story) -> list[Event]:
    """A whole life with every kind of event."""
    return [
        *started(story),
        story.accepted(),
        story.progress(),
        story.asked(),
        story.clocks(sla.ClockPaused, "paused", journey=None),
        story.clocks(answer=day(5)),
        story.warned("answer"),
        story.answered(),
        story.clocks(sla.ClockResumed, journey=day(8)),
        story.moved("repair"),
        story.clocks(owner=day(6)),
        story.promised(day(4)),
        story.renewed(day(5), day(4)),
        story.warned("journey", new_due_at=day(10), deadline=day(8)),
        story.proposed(remedy="refund"),
        story.clocks(confirmation=day(14)),
        story.amended(),
        story.reopened(),
        story.moved("complaints-office", "reopen"),
        story.clocks(sla.ClockResumed, journey=day(9)),
        story.proposed(),
        story.clocks(confirmation=day(20)),
        story.closed(),
    ]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_order_of_topics_comes_to_the_same_journey(seed: int) -> None:
    events = life(Story())
    expected = play(*events)[0]
    queues: dict[str, list[Event]] = {}
    for event in events:
        queues.setdefault(type(event).__module__, []).append(event)
    chance = random.Random(seed)
    mixed: list[Event] = []
    while queues:
        topic = chance.choice(sorted(queues))
        mixed.append(queues[topic].pop(0))
        if not queues[topic]:
            del queues[topic]
    journey, plans, said, _ = play(*mixed)
    same = replace(
        journey,
        acknowledged=expected.acknowledged,
        held=expected.held,
        answer_due_at=expected.answer_due_at,
        answer_since=expected.answer_since,
    )
    assert same == expected
    assert len({plan.cause_id for plan in plans}) == len(plans)
    # A new date is told, and part of the story, only while the customer still waits for an answer.
    assert sorted({*said, "postponed"}) == sorted(set(play(*events)[2]))
    assert len(said) >= len(play(*events)[2]) - 1


def test_nothing_is_said_to_nobody_to_the_erased_or_about_old_news() -> None:
    story, journey = begun()
    assert silence("progress", None, 1, journey) is None
    assert silence("progress", None, 1, replace(journey, reachable=False)) is Silence.NO_CONTACT
    assert silence("progress", None, 1, replace(journey, told=False, reachable=False)) is None
    assert silence("progress", None, 1, replace(journey, consent=False)) is Silence.NO_CONSENT
    assert silence("progress", None, 1, replace(journey, consent=False, reachable=False)) is Silence.NO_CONTACT
    assert silence("progress", None, 1, replace(journey, erased=True)) is Silence.ERASED
    closed = replace(journey, phase="closed")
    assert silence("progress", None, 1, closed) is Silence.SUPERSEDED
    assert silence("closure", None, 1, closed) is None
    assert silence("withdrawn", None, 1, closed) is None
    assert silence("closure", None, 1, journey) is Silence.SUPERSEDED, "reopened since"
    assert silence("transfer", None, 1, replace(journey, epoch=2)) is Silence.SUPERSEDED
    assert silence("transfer", None, 2, replace(journey, epoch=2)) is None
    question = story.asked()
    waiting = fold(journey, question).journey
    assert silence("question", question.event_id, 1, waiting) is None
    assert silence("reminder_answer", question.event_id, 1, replace(waiting, question_id=None)) is Silence.SUPERSEDED
    answer = story.proposed()
    proposed = fold(waiting, answer).journey
    assert silence("resolution", answer.event_id, 1, proposed) is None
    assert silence("reminder_confirmation", answer.event_id, 1, closed) is Silence.SUPERSEDED


def test_dates_move_only_forward_once_told() -> None:
    story, journey = begun()
    journey = replace(journey, extended_due_at=day(10))
    earlier = fold(journey, story.clocks(sla.ClockResumed, journey=day(8))).journey
    later = fold(earlier, story.clocks(sla.ClockResumed, journey=day(12))).journey
    assert (earlier.due_at, later.due_at) == (day(10), day(12))
    assert later.due_at - earlier.due_at == timedelta(days=2)  # type: ignore[operator]
