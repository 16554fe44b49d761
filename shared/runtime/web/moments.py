"""Times as people say them: "today before 17:00" / 今天 17:00 前. Pure: `now` is a parameter."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.runtime.web.texts import Language

_WEEKDAYS = {
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NEAR = {
    "zh": {-2: "前天", -1: "昨天", 0: "今天", 1: "明天", 2: "后天"},
    "en": {-1: "yesterday", 0: "today", 1: "tomorrow"},
}


def day(at: datetime, now: datetime, tz: ZoneInfo, language: Language) -> str:
    """The day alone: "today", "Thu 14 May", 5月14日 周四; with the year when it is another one."""
    there, here = at.astimezone(tz).date(), now.astimezone(tz).date()
    if near := _NEAR[language].get((there - here).days):
        return near
    return _calendar_day(there, with_year=there.year != here.year, language=language)


def _calendar_day(there: date, *, with_year: bool, language: Language) -> str:
    weekday = _WEEKDAYS[language][there.weekday()]
    if language == "zh":
        return (f"{there.year}年" if with_year else "") + f"{there.month}月{there.day}日 {weekday}"
    return f"{weekday} {there.day} {_MONTHS[there.month - 1]}" + (f" {there.year}" if with_year else "")


def when(at: datetime, now: datetime, tz: ZoneInfo, language: Language) -> str:
    """A moment that happened or will: "yesterday 09:30", 昨天 09:30."""
    return f"{day(at, now, tz, language)} {at.astimezone(tz):%H:%M}"


def due(at: datetime, now: datetime, tz: ZoneInfo, language: Language) -> str:
    """A limit: "today before 17:00" / 今天 17:00 前; once it is over, "was due today before 17:00" / 原定今天 17:00 前.

    Midnight belongs to the day that ends: "today before midnight" / 今天 24:00 前, never "tomorrow before 00:00".
    """
    clock = f"{at.astimezone(tz):%H:%M}"
    midnight = clock == "00:00"
    said = day(at - timedelta(minutes=1) if midnight else at, now, tz, language)
    if midnight:
        clock = "24:00" if language == "zh" else "midnight"
    if language == "zh":
        return f"{'原定' if at < now else ''}{said} {clock} 前"
    return f"{'was due ' if at < now else ''}{said} before {clock}"


def exact(at: datetime, tz: ZoneInfo, language: Language) -> str:
    """The full instant with its zone, for the hover and for screen readers."""
    there = at.astimezone(tz)
    zone = there.strftime("UTC%z")
    offset = "UTC" if zone == "UTC+0000" else f"{zone[:6]}:{zone[6:]}"
    said = _calendar_day(there.date(), with_year=True, language=language)
    return f"{said} {there:%H:%M:%S} {tz.key} ({offset})"


def span(length: timedelta, language: Language) -> str:
    """A length in its two largest units: "2 d 3 h", "45 min", 2 天 3 小时. Below a minute: "under 1 min"."""
    minutes = int(abs(length).total_seconds()) // 60
    if minutes == 0:
        return "不到 1 分钟" if language == "zh" else "under 1 min"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    names = ("天", "小时", "分钟") if language == "zh" else ("d", "h", "min")
    parts = [f"{amount} {name}" for amount, name in zip((days, hours, rest), names, strict=True) if amount]
    return " ".join(parts[:2] if days else parts)
