"""A call-back that was promised for a time that has passed is no promise (trial, E4)."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from services.intake.domain.told_times import passed

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 30, 16, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    "text",
    [
        "今天 15:30 前由售后回电", "今天下午3点回电", "今日上午9点半前回电", "昨天已经说过", "11月29日 18:00 前回电", "2026-11-30 15:59 前",
        "2026年11月1日前答复", "After-sales rings back before 15:30 today", "We ring back today before 9:00", "by 3:59 pm today",
        "We rang yesterday", "by 09:00 on 2026-11-30",
        "We call you on 1 January 2020 at 10:00", "by November 29", "on Nov. 29th, 2026", "the 29th of November", "by 3 pm today",
        "3pm on 30 Nov", "by 30 November at 15:59", "8月1日前",
    ],
)  # fmt: skip
def test_a_time_that_has_passed_is_seen(text: str) -> None:
    assert passed(text, NOW, SHANGHAI)


@pytest.mark.parametrize(
    "text",
    [
        "今天 18:00 前由售后回电", "今天下午5点回电", "今天回电", "12月1日 09:00 前回电", "2026-11-30", "2027年1月1日前答复", "明天 9 点前回电",
        "after-sales rings back by 18:00 today", "We ring back today", "责任部门会着手处理，并在我告诉您的期限前给您答复。", "by 5 pm today", "by 5:00 pm today",
        "订单 2026-11-31", "工作日 9:00 以后", "",
        "by 1 December", "on Dec 1st at 9:00", "by 30 November at 17:00", "5pm on 30 Nov", "1月2日 9:00 前回电", "by 2 January",
        "1 January 2027", "May 2 rings back", "we may 30 minutes later", "30 November 31",
    ],
)  # fmt: skip
def test_a_time_to_come_and_none_at_all_are_left_alone(text: str) -> None:
    assert passed(text, NOW, SHANGHAI) is None


def test_may_is_a_month_and_a_verb() -> None:
    june = NOW.replace(month=6)
    assert passed("by 10 May at 5 pm", june, SHANGHAI)
    assert passed("a call before 10 may be too early", june, SHANGHAI) is None


def test_the_day_is_the_one_where_the_department_is() -> None:
    assert passed("今天 23:00 前", NOW.astimezone(ZoneInfo("UTC")), SHANGHAI) is None
    assert passed("today by 09:00", NOW, ZoneInfo("America/New_York")) is None


def test_a_day_that_only_this_year_has_is_no_day_of_the_next() -> None:
    assert passed("by 29 February", datetime(2028, 11, 30, 16, 0, tzinfo=SHANGHAI), SHANGHAI) is None
