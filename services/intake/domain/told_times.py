"""Times in a sentence that was said to a caller, as far as they are plain: today at six, on a date. Pure.

A promised call-back is prose in the call form; what can be told of it is whether it lies behind us already.
"""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_CLOCK = r"(?P<half>上午|中午|下午|晚上|傍晚)?\s*(?P<hour>[01]?\d|2[0-4])(?:\s*[:：点时]\s*(?P<minute>[0-5]\d|半)?(?:分)?(?:\s*(?P<pm>[ap])\.?m\b)?|\s*(?P<pm_alone>[ap])\.?m\b)"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may(?!\s+(?:be|have|not|need|take|call|ring|come|go|also|still)\b)|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
_DAY = (
    r"(?P<near>今天|今日|昨天|today|yesterday)"
    r"|(?:(?P<year>\d{4})\s*[-/年]\s*)(?P<month>\d{1,2})\s*[-/月]\s*(?P<day>\d{1,2})日?"
    rf"|\b(?P<day_en>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month_en>{_MONTH})\b\.?(?:,?\s+(?P<year_en>\d{{4}})\b)?"
    rf"|\b(?P<month_us>{_MONTH})\b\.?\s+(?P<day_us>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year_us>\d{{4}})\b)?"
    r"|(?P<month_zh>\d{1,2})\s*月\s*(?P<day_zh>\d{1,2})\s*日"
)
_DAY_FIRST = re.compile(rf"(?:{_DAY})(?:[^\d。.;；]{{0,12}}?(?:{_CLOCK}))?", re.IGNORECASE)
_CLOCK_FIRST = re.compile(rf"(?:{_CLOCK})\s*(?:on\s+)?(?:{_DAY})", re.IGNORECASE)


def passed(text: str, now: datetime, zone: ZoneInfo) -> str | None:
    """The words of a time that has passed, if the sentence names one; none where it names none, or one to come.

    A day without a time has passed when it is over.
    """
    here = now.astimezone(zone)
    found = _CLOCK_FIRST.search(text) or _DAY_FIRST.search(text)
    if found is None:
        return None
    named = found.groupdict()
    day = _day(named, here.date())
    if day is None:
        return None
    end = (
        datetime.combine(day, _time(named), zone) if named["hour"] else datetime.combine(day, time(0), zone) + _DAY_LONG
    )
    return found[0].strip() if end <= here else None


_DAY_LONG = timedelta(days=1)
_HALF_A_YEAR = timedelta(days=183)
"""A day without a year that lies further back is one of next year: "by 2 January", said in December."""


def _day(named: dict[str, str | None], today: date) -> date | None:
    near = (named["near"] or "").lower()
    if near:
        return today - _DAY_LONG if near in {"昨天", "yesterday"} else today
    year, month, day = (
        next(filter(None, (named.get(name + how) for how in ("", "_zh", "_en", "_us"))), None)
        for name in ("year", "month", "day")
    )
    number = _MONTHS.index(month[:3].lower()) + 1 if month and not month.isdecimal() else int(month or 0)
    try:
        said = date(int(year or today.year), number, int(day or 0))
        return said if year or today - said < _HALF_A_YEAR else said.replace(year=today.year + 1)
    except ValueError:  # no such day, in this year or the next
        return None


def _time(named: dict[str, str | None]) -> time:
    hour, minute = int(named["hour"] or 0), named["minute"]
    later = named["half"] in {"下午", "晚上", "傍晚"} or (named["pm"] or named["pm_alone"] or "").lower() == "p"
    if later and hour < 12:
        hour += 12
    return time(23, 59) if hour >= 24 else time(hour, 30 if minute == "半" else int(minute or 0))
