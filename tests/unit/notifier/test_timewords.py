"""Instants are said the way people say them, with the date and, apart, exactly."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.timewords import Language, before, moment

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # Sunday 11:00 in Shanghai


@pytest.mark.parametrize(
    ("at", "zh", "en"),
    [
        ("2026-11-22T17:00", "今天（11月22日 周日）17:00 前", "by 17:00 today (Sunday 22 November)"),
        ("2026-11-23T09:05", "明天（11月23日 周一）09:05 前", "by 09:05 tomorrow (Monday 23 November)"),
        ("2026-11-24T17:00", "后天（11月24日 周二）17:00 前", "by 17:00 on Tuesday 24 November"),
        ("2026-11-25T17:00", "11月25日（周三）17:00 前", "by 17:00 on Wednesday 25 November"),
        ("2027-01-04T17:00", "2027年1月4日（周一）17:00 前", "by 17:00 on Monday 4 January 2027"),
        ("2026-11-23T00:00", "今天（11月22日 周日）结束前", "by the end of today (Sunday 22 November)"),
        ("2027-01-01T00:00", "12月31日（周四）结束前", "by the end of Thursday 31 December"),
    ],
)
def test_a_deadline_in_words(at: str, zh: str, en: str) -> None:
    due = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    assert before(due, now=NOW, zone=SHANGHAI, language="zh").words == zh
    assert before(due, now=NOW, zone=SHANGHAI, language="en").words == en


def test_the_exact_form_names_year_and_zone() -> None:
    due = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    said = before(due, now=NOW, zone=SHANGHAI, language="en")
    assert (said.exact, said.iso) == ("Wednesday 25 November 2026, 17:00 (UTC+8)", "2026-11-25T17:00+08:00")
    assert before(due, now=NOW, zone=SHANGHAI, language="zh").exact == "2026年11月25日 周三 17:00（UTC+8）"
    assert before(due, now=NOW, zone=NEW_YORK, language="en").exact == "Wednesday 25 November 2026, 04:00 (UTC-5)"
    assert before(due, now=NOW, zone=UTC, language="en").exact.endswith("(UTC)")
    assert before(due, now=NOW, zone=ZoneInfo("Asia/Kolkata"), language="en").exact.endswith("(UTC+5:30)")


def test_one_limit_is_one_date_in_words_and_in_figures() -> None:
    """The end of 2 December was "by the end of 2 December" and "no later than 3 December 00:00" in one mail (C11)."""
    due = datetime(2026, 12, 3, 0, 0, tzinfo=SHANGHAI)
    said = before(due, now=NOW, zone=SHANGHAI, language="en")
    assert said.words == "by the end of Wednesday 2 December"
    assert said.exact == "Wednesday 2 December 2026, 24:00 (UTC+8)"
    assert before(due, now=NOW, zone=SHANGHAI, language="zh").exact == "2026年12月2日 周三 24:00（UTC+8）"
    assert datetime.fromisoformat(said.iso) == due


def test_the_same_instant_in_two_zones_keeps_its_two_wordings() -> None:
    due = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    first = [before(due, now=NOW, zone=zone, language="en").words for zone in (SHANGHAI, NEW_YORK, SHANGHAI)]
    assert first[0] == first[2] != first[1]


def test_what_happened_is_said_with_its_day() -> None:
    at = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    assert moment(at, now=NOW, zone=SHANGHAI, language="en").words == "yesterday (Saturday 21 November) at 09:30"
    assert moment(at, now=NOW, zone=SHANGHAI, language="zh").words == "昨天（11月21日 周六）09:30"


instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(
    at=instants, now=instants, zone=st.sampled_from([SHANGHAI, NEW_YORK, UTC]), language=st.sampled_from(["zh", "en"])
)
def test_the_machine_form_is_the_same_instant_to_the_minute(
    at: datetime, now: datetime, zone: ZoneInfo, language: Language
) -> None:
    for said in (before(at, now=now, zone=zone, language=language), moment(at, now=now, zone=zone, language=language)):
        assert timedelta(0) <= at - datetime.fromisoformat(said.iso) < timedelta(minutes=1)
