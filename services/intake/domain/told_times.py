"""Times in a sentence that was said to a caller, as far as they are plain: today at six, on a date. Pure.

A promised call-back is prose in the call form; what can be told of it is whether it lies behind us already.
"""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_CLOCK = r"(?P<half>上午|中午|下午|晚上|傍晚)?\s*(?P<hour>[01]?\d|2[0-4])(?:\s*[:：点时]\s*(?P<minute>[0-5]\d|半)?)(?:分)?(?:\s*(?P<pm>[ap])\.?m\b)?"
_DAY = (
    r"(?P<near>今天|今日|昨天|today|yesterday)"
    r"|(?:(?P<year>\d{4})\s*[-/年]\s*)(?P<month>\d{1,2})\s*[-/月]\s*(?P<day>\d{1,2})日?"
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


def _day(named: dict[str, str | None], today: date) -> date | None:
    near = (named["near"] or "").lower()
    if near:
        return today - _DAY_LONG if near in {"昨天", "yesterday"} else today
    month, day = named["month"] or named["month_zh"], named["day"] or named["day_zh"]
    try:
        return date(int(named["year"] or today.year), int(month or 0), int(day or 0))
    except ValueError:
        return None


def _time(named: dict[str, str | None]) -> time:
    hour, minute = int(named["hour"] or 0), named["minute"]
    later = named["half"] in {"下午", "晚上", "傍晚"} or (named["pm"] or "").lower() == "p"
    if later and hour < 12:
        hour += 12
    return time(23, 59) if hour >= 24 else time(hour, 30 if minute == "半" else int(minute or 0))
