"""Times as people say them: "by 17:00 today" / 今天 17:00 前. Pure: `now` is a parameter."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.runtime.web.texts import Language
from shared.zones import name_of

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
    return _near(there, here, language) or _calendar_day(there, with_year=there.year != here.year, language=language)


def _near(there: date, here: date, language: Language) -> str:
    return _NEAR[language].get((there - here).days, "")


def _calendar_day(there: date, *, with_year: bool, language: Language) -> str:
    weekday = _WEEKDAYS[language][there.weekday()]
    if language == "zh":
        return (f"{there.year}年" if with_year else "") + f"{there.month}月{there.day}日 {weekday}"
    return f"{weekday} {there.day} {_MONTHS[there.month - 1]}" + (f" {there.year}" if with_year else "")


def when(at: datetime, now: datetime, tz: ZoneInfo, language: Language) -> str:
    """A moment that happened or will: "yesterday 09:30", 昨天 09:30."""
    return f"{day(at, now, tz, language)} {at.astimezone(tz):%H:%M}"


def stamp(at: datetime, tz: ZoneInfo, language: Language) -> str:
    """A moment for what is printed and read on another day: "Thu 14 May 2026 09:30"."""
    there = at.astimezone(tz)
    return f"{_calendar_day(there.date(), with_year=True, language=language)} {there:%H:%M}"


def due(at: datetime, now: datetime, tz: ZoneInfo, language: Language, *, printed: bool = False) -> str:
    """A limit: "by 17:00 today" / 今天 17:00 前; once it is over, "was due by 17:00 today" / 原定今天 17:00 前.

    Midnight belongs to the day that ends: "by the end of today" / 今天 24:00 前, never "by 00:00 tomorrow".

    Args:
        at: the limit.
        now: the reader's now.
        tz: whose wall clock.
        language: of the reader.
        printed: it is read on another day too, so no day is "today".
    """
    there = at.astimezone(tz)
    midnight = f"{there:%H:%M}" == "00:00"
    last = (there - timedelta(minutes=1) if midnight else there).date()
    here = now.astimezone(tz).date()
    near = "" if printed else _near(last, here, language)
    said = near or _calendar_day(last, with_year=printed or last.year != here.year, language=language)
    if language == "zh":
        return f"{'原定' if at < now else ''}{said} {'24:00' if midnight else f'{there:%H:%M}'} 前"
    words = f"the end of {said}" if midnight else f"{there:%H:%M} {said if near else f'on {said}'}"
    return f"{'was due ' if at < now else ''}by {words}"


def zone(at: datetime, tz: ZoneInfo, language: Language) -> str:
    """The zone of a time, in brackets beside it: "(Beijing time)" / （北京时间）."""
    name = name_of(tz, at, language)
    return f"（{name}）" if language == "zh" else f" ({name})"


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
