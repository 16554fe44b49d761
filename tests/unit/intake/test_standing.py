"""What intake knows of a complaint after the news of router and sla, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.lifecycle import SUBMITTED, News, Standing, answer_date, hear, may_amend, may_withdraw
from tests.support.news import NOW, closed, paused, reopened, resumed, started, warned

D1, D2, D3, D4 = (NOW + timedelta(days=days) for days in (10, 15, 20, 25))


def after(news: Iterable[News], standing: Standing = SUBMITTED) -> Standing:
    for event in news:
        standing = hear(standing, event)
    return standing


def date_of(standing: Standing) -> object:
    return answer_date(standing.state, standing.journey_due_at, standing.extended_due_at)


def test_the_first_clocks_tell_the_owner_and_the_date() -> None:
    standing = after([started(1, journey=D1)])
    assert (standing.state, standing.department, standing.epoch, date_of(standing)) == ("assigned", "delivery", 1, D1)


def test_clocks_of_a_new_owner_leave_the_date_alone() -> None:
    standing = after([started(1, journey=D1), started(2, epoch=2, department="billing")])
    assert (standing.department, date_of(standing)) == ("billing", D1)


def test_a_late_event_never_brings_an_older_owner_back() -> None:
    late = started(2, epoch=2, department="billing")
    standing = after([started(3, epoch=3, department="repair"), late, closed(9, epoch=2, department="billing")])
    assert (standing.department, standing.epoch, standing.state) == ("repair", 3, "closed")


def test_there_is_no_date_while_the_customer_is_asked() -> None:
    waiting = after([started(1, journey=D1), paused(2)])
    assert date_of(waiting) is None
    assert date_of(after([resumed(3, journey=D2)], waiting)) == D2


def test_a_delay_moves_the_date_and_it_stays_after_a_pause() -> None:
    told = after([started(1, journey=D1), warned(2), warned(3, to=D3)])
    assert date_of(told) == D3
    assert date_of(after([paused(4)], told)) is None
    assert date_of(after([paused(4), resumed(5, journey=D2)], told)) == D3
    assert date_of(after([paused(4), resumed(5, journey=D4)], told)) == D4
    # The second delay is that of the date the first one gave: a clock of kind promise.
    assert date_of(after([warned(6, to=D4, clock="promise", clock_epoch=2)], told)) == D4


@pytest.mark.parametrize("state", ["submitted", "withdrawn", "closed"])
def test_only_an_open_case_has_a_date(state: str) -> None:
    assert answer_date(state, D1, D2) is None


def test_a_case_is_closed_and_reopened_by_the_router_alone() -> None:
    over = after([started(1, journey=D1), closed(5)])
    assert (over.state, over.seen_version, date_of(over)) == ("closed", 5, None)
    assert after([started(2), warned(3, to=D2), closed(4), reopened(3)], over).state == "closed"
    again = after([reopened(6), resumed(4, journey=D3), started(5, epoch=2, department="office")], over)
    assert (again.state, again.department, date_of(again)) == ("assigned", "office", D3)


def test_an_assignment_that_crossed_a_withdrawal_does_not_undo_it() -> None:
    withdrawn = after([started(1, journey=D1), paused(2), resumed(3, journey=D2)], Standing(state="withdrawn"))
    assert (withdrawn.state, withdrawn.department, date_of(withdrawn)) == ("withdrawn", "delivery", None)
    assert after([closed(2, how="withdrawn")], withdrawn).state == "closed"


def test_what_the_code_before_knew_is_completed_and_not_undone() -> None:
    old = Standing(state="assigned", department="delivery", seen_version=2)
    assert date_of(old) is None
    standing = after([started(1, journey=D1)], old)
    assert (standing.state, standing.department, date_of(standing), standing.seen_version) == (
        "assigned",
        "delivery",
        D1,
        2,
    )
    gone = Standing(state="closed", department="delivery", seen_version=4)
    assert after([started(1, journey=D1), closed(4)], gone).state == "closed"


def test_what_is_over_cannot_be_changed() -> None:
    for state, allowed in (("submitted", True), ("assigned", True), ("withdrawn", False), ("closed", False)):
        assert may_amend(Standing(state=state)) is allowed
        assert may_withdraw(Standing(state=state)) is allowed


@st.composite
def stories(draw: st.DrawFn) -> list[News]:
    """What router and sla say of one complaint, in the order in which it happened."""
    told: list[News] = [started(1, journey=D1)]
    sla, router, epoch, days = 1, 1, 1, 10
    owner = "delivery"
    for step in draw(st.lists(st.sampled_from(["transfer", "ask", "answer", "delay", "promise", "close", "reopen"]))):
        now = {"epoch": epoch, "department": owner}
        days += 1
        sla += 1
        date = NOW + timedelta(days=days)
        if step in ("transfer", "reopen"):
            epoch += 1
            owner = f"owner-{epoch}"
            if step == "reopen":
                router += 1
                told.append(reopened(router, **now))
                told.append(resumed(sla, journey=date, epoch=epoch, department=owner))
                sla += 1
            told.append(started(sla, epoch=epoch, department=owner))
        elif step == "close":
            router += 1
            told.append(closed(router, **now))
        elif step == "ask":
            told.append(paused(sla, **now))
        elif step == "answer":
            told.append(resumed(sla, journey=date, **now))
        elif step == "delay":
            told.append(warned(sla, to=date, **now))
        else:
            told.append(started(sla, **now))
    return told


@given(stories(), st.data())
def test_any_order_and_repetition_ends_the_same(story: list[News], data: st.DataObject) -> None:
    straight = after(story)
    again = data.draw(st.lists(st.sampled_from(story), max_size=6))
    assert after(data.draw(st.permutations([*story, *again]))) == straight


@given(stories(), st.data())
def test_a_withdrawal_stands_wherever_the_news_of_the_clocks_cross_it(story: list[News], data: st.DataObject) -> None:
    clocks = [event for event in story if event.kind.startswith(("clock", "deadline"))]
    shuffled = data.draw(st.permutations(clocks))
    place = data.draw(st.integers(0, len(shuffled)))
    before = after(shuffled[:place])
    withdrawn = Standing(**{name: getattr(before, name) for name in before.__slots__} | {"state": "withdrawn"})
    assert after(shuffled[place:], withdrawn) == Standing(
        **{name: getattr(after(clocks), name) for name in before.__slots__} | {"state": "withdrawn"}
    )
