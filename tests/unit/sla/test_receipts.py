"""Telling acknowledgements from notices that move a clock, without asking the database."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.sla.domain.receipts import Receipts
from tests.unit.sla.story import RULES, Desk, Story, after


def test_a_complaint_that_was_not_assigned_here_is_not_known() -> None:
    assert Receipts().no_news(Story().heard(after(seconds=3))) is None


def test_the_oldest_is_forgotten_first() -> None:
    stories = [Story() for _ in range(3)]
    receipts = Receipts(kept=2)
    receipts.remember(story.assigned() for story in stories)
    heard = [receipts.no_news(story.heard(after(seconds=3))) for story in stories]
    assert heard == [None, True, True]


@given(st.timedeltas(timedelta(seconds=-5), timedelta(minutes=3)), st.booleans())
def test_a_notice_that_is_no_news_moves_no_clock_in_whatever_order(length: timedelta, heard_first: bool) -> None:
    story, receipts = Story(), Receipts()
    assigned = story.assigned(after(seconds=1))
    heard = story.heard(story.received_at + length)
    receipts.remember([assigned])
    no_news = receipts.no_news(heard)
    both = Desk(story, RULES).hears(*((heard, assigned) if heard_first else (assigned, heard)))
    without = Desk(story, RULES).hears(assigned)
    assert no_news is (length < timedelta(minutes=1))
    if no_news:
        assert both.case.life.clocks == without.case.life.clocks
        assert [event.kind for event in both.said] == [event.kind for event in without.said]
