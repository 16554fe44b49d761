"""Dates beyond the holidays that are known are said to be such, and the end is seen months ahead (C13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.sla.domain.calendar import Calendar
from services.sla.domain.explanation import is_provisional
from services.sla.domain.rules import Rules, spec_of
from shared.policies import load_packs

ROOT = Path(__file__).resolve().parents[3]
PACKS = load_packs(ROOT / "deploy" / "policies")


def test_each_calendar_with_holidays_says_until_when_they_are_known() -> None:
    known = {name: one.known_until for name, one in PACKS["retail"].calendars.items()}
    assert known["office"] == date(2027, 12, 31)
    assert known["always"] is None, "nobody rests there, so nothing ends"


def test_the_days_left_are_counted_where_the_calendar_is() -> None:
    late = datetime(2027, 12, 30, 20, tzinfo=UTC)  # the 31st in Shanghai
    left = {(pack, name): days for pack, name, days in PACKS.days_left(late)}
    assert left["retail", "office"] == 0
    assert ("retail", "always") not in left
    assert {days for (pack, _), days in left.items() if pack == "bank"} == {367}


def test_a_day_behind_the_known_ones_is_provisional_and_a_kept_version_remembers_it() -> None:
    rules = Rules.of(PACKS["retail"])
    kept = Rules.from_snapshot("retail", rules.version, rules.snapshot())
    for calendar in (rules.calendars["office"], kept.calendars["office"]):
        assert not is_provisional(calendar, date(2027, 12, 31))
        assert is_provisional(calendar, date(2028, 1, 1))
    assert not is_provisional(kept.calendars["always"], date(2099, 1, 1))
    body = rules.snapshot()
    body["calendars"]["office"].pop("known_until")
    older = Rules.from_snapshot("retail", rules.version, body)
    assert not is_provisional(older.calendars["office"], date(2028, 1, 1)), "an older copy did not write it down"


def test_why_this_date_names_the_days_nobody_knows_yet() -> None:
    from services.sla.domain.explanation import _because

    calendar = Calendar(spec_of(PACKS["retail"].calendars["office"]))
    monday, later = date(2027, 12, 27), date(2028, 1, 4)
    assert _because(calendar, monday, was_open=True, has_counted=True) == "open"
    assert _because(calendar, later, was_open=True, has_counted=True) == "not_known_yet"
    assert later - monday < timedelta(days=9)


def test_a_pack_says_of_a_date_whether_it_lies_beyond_what_any_of_its_calendars_knows() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    retail = PACKS["retail"]
    for at, beyond in (
        (datetime(2027, 12, 31, 17, tzinfo=shanghai), False),
        (datetime(2028, 1, 1, tzinfo=shanghai), False),  # the end of the 31st
        (datetime(2028, 1, 1, 0, 1, tzinfo=shanghai), True),
    ):
        assert retail.is_beyond_known_holidays(at, shanghai) is beyond, at
    assert retail.is_beyond_known_holidays(datetime(2027, 12, 31, 16, 1, tzinfo=UTC), shanghai)
    alone = replace(retail, calendars={"always": retail.calendars["always"]})
    assert not alone.is_beyond_known_holidays(datetime(2099, 1, 1, tzinfo=UTC), shanghai)
