"""Times as people say them, in the zone of the page."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.runtime.web import moments

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 5, 14, 8, 0, tzinfo=UTC)  # Thursday, 16:00 in Shanghai


@pytest.mark.parametrize(
    ("at", "zh", "en"),
    [
        (datetime(2026, 5, 14, 9, 0, tzinfo=UTC), "今天 17:00 前", "by 17:00 today"),
        (datetime(2026, 5, 14, 16, 0, tzinfo=UTC), "今天 24:00 前", "by the end of today"),
        (datetime(2026, 5, 16, 1, 30, tzinfo=UTC), "后天 09:30 前", "by 09:30 on Sat 16 May"),
        (datetime(2026, 5, 20, 1, 0, tzinfo=UTC), "5月20日 周三 09:00 前", "by 09:00 on Wed 20 May"),
        (datetime(2027, 1, 4, 1, 0, tzinfo=UTC), "2027年1月4日 周一 09:00 前", "by 09:00 on Mon 4 Jan 2027"),
        (datetime(2026, 5, 13, 9, 0, tzinfo=UTC), "原定昨天 17:00 前", "was due by 17:00 yesterday"),
    ],
)
def test_a_limit_is_said_as_a_day_and_a_time_by_which(at: datetime, zh: str, en: str) -> None:
    assert moments.due(at, NOW, SHANGHAI, "zh") == zh
    assert moments.due(at, NOW, SHANGHAI, "en") == en


def test_a_moment_is_said_in_the_zone_of_the_page() -> None:
    at = datetime(2026, 5, 14, 1, 5, tzinfo=UTC)
    assert moments.when(at, NOW, SHANGHAI, "zh") == "今天 09:05"
    assert moments.when(at, NOW, ZoneInfo("America/New_York"), "en") == "yesterday 21:05"


def test_what_is_printed_says_its_day_and_never_today() -> None:
    at = datetime(2026, 5, 14, 9, 0, tzinfo=UTC)
    assert moments.stamp(at, SHANGHAI, "zh") == "2026年5月14日 周四 17:00"
    assert moments.stamp(at, SHANGHAI, "en") == "Thu 14 May 2026 17:00"
    assert moments.due(at, NOW, SHANGHAI, "zh", printed=True) == "2026年5月14日 周四 17:00 前"
    assert moments.due(at, NOW, SHANGHAI, "en", printed=True) == "by 17:00 on Thu 14 May 2026"
    midnight = at + timedelta(hours=7)
    assert moments.due(midnight, NOW, SHANGHAI, "en", printed=True) == "by the end of Thu 14 May 2026"


@pytest.mark.parametrize(
    ("zone", "zh", "en"),
    [
        ("Asia/Shanghai", "（北京时间）", " (Beijing time)"),
        ("America/New_York", "（纽约时间）", " (New York time)"),
        ("Asia/Kolkata", "（UTC+5:30）", " (UTC+5:30)"),
        ("UTC", "（UTC）", " (UTC)"),
    ],
)
def test_the_zone_has_a_name_that_people_know(zone: str, zh: str, en: str) -> None:
    assert moments.zone(NOW, ZoneInfo(zone), "zh") == zh
    assert moments.zone(NOW, ZoneInfo(zone), "en") == en


def test_the_exact_instant_names_zone_and_offset() -> None:
    at = datetime(2026, 5, 14, 1, 5, 7, tzinfo=UTC)
    assert moments.exact(at, SHANGHAI, "en") == "Thu 14 May 2026 09:05:07 Asia/Shanghai (UTC+08:00)"
    assert moments.exact(at, ZoneInfo("UTC"), "zh") == "2026年5月14日 周四 01:05:07 UTC (UTC)"


@pytest.mark.parametrize(
    ("length", "zh", "en"),
    [
        (timedelta(seconds=59), "不到 1 分钟", "under 1 min"),
        (timedelta(minutes=45), "45 分钟", "45 min"),
        (timedelta(hours=2), "2 小时", "2 h"),
        (timedelta(hours=2, minutes=5), "2 小时 5 分钟", "2 h 5 min"),
        (timedelta(days=3, hours=1, minutes=59), "3 天 1 小时", "3 d 1 h"),
        (timedelta(minutes=-90), "1 小时 30 分钟", "1 h 30 min"),
    ],
)
def test_a_length_is_said_in_its_two_largest_units(length: timedelta, zh: str, en: str) -> None:
    assert moments.span(length, "zh") == zh
    assert moments.span(length, "en") == en
