"""Says an instant the way people say it, in the customer's language and zone.

A mail may be read days after it was written, so the words always carry the date besides
"today" or "tomorrow", and `exact` names the zone.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

Language = Literal["zh", "en"]

_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_MONTHS_EN = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
_NEAR_EN = {0: "today", 1: "tomorrow", -1: "yesterday"}
_NEAR_ZH = {0: "今天", 1: "明天", -1: "昨天", 2: "后天"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One instant in words.

    Attributes:
        words: For a sentence: "by 17:00 tomorrow (Monday 23 November)", "by 17:00 on Friday 27 November", "明天（11月23日 周一）17:00 前".
        exact: The same limit with year and zone: "Monday 23 November 2026, 17:00 (UTC+8)"; the end of a day as its 24:00.
        iso: Machine readable, with offset, for `<time datetime>`.
    """

    words: str
    exact: str
    iso: str


def before(at: datetime, *, now: datetime, zone: tzinfo, language: Language) -> Spoken:
    """A deadline: "by 17:00"; midnight is said as the end of the day that ends there, in words and figures alike."""
    return _before(*_wall(at, zone), now.astimezone(zone).date(), language)


def moment(at: datetime, *, now: datetime, zone: tzinfo, language: Language) -> Spoken:
    """Something that happened: "yesterday (Friday 20 November) at 09:30"."""
    return _moment(*_wall(at, zone), now.astimezone(zone).date(), language)


def _wall(at: datetime, zone: tzinfo) -> tuple[datetime, int]:
    """The minute on the wall clock without zone, and the zone's offset then, in minutes.

    Without zone, because aware datetimes of different zones are equal when they mean the same instant, and would
    share an entry of the cache.
    """
    local = at.astimezone(zone)
    offset = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    return local.replace(second=0, microsecond=0, tzinfo=None, fold=0), offset


@lru_cache(maxsize=4096)
def _before(local: datetime, offset: int, today: date, language: Language) -> Spoken:
    midnight = local.time() == time(0)
    last = local.date() - timedelta(days=1) if midnight else local.date()
    clock, day = "24:00" if midnight else _clock(local), _day(last, today, language)
    if language == "zh":
        words = f"{day}{'结束' if midnight else f'{clock} '}前"
    elif midnight:
        words = f"by the end of {day.removeprefix('on ')}"
    else:
        words = f"by {clock} {day}"
    return Spoken(words=words, exact=_exact(last, clock, offset, language), iso=_iso(local, offset))


@lru_cache(maxsize=4096)
def _moment(local: datetime, offset: int, today: date, language: Language) -> Spoken:
    day = _day(local.date(), today, language)
    words = f"{day}{_clock(local)}" if language == "zh" else f"{day} at {_clock(local)}"
    exact = _exact(local.date(), _clock(local), offset, language)
    return Spoken(words=words, exact=exact, iso=_iso(local, offset))


def _day(day: date, today: date, language: Language) -> str:
    near = (_NEAR_ZH if language == "zh" else _NEAR_EN).get((day - today).days)
    year = "" if day.year == today.year else (f"{day.year}年" if language == "zh" else f" {day.year}")
    if language == "zh":
        dated = f"{year}{day.month}月{day.day}日"
        return f"{near}（{dated} {_DAYS_ZH[day.weekday()]}）" if near else f"{dated}（{_DAYS_ZH[day.weekday()]}）"
    dated = f"{_DAYS_EN[day.weekday()]} {day.day} {_MONTHS_EN[day.month - 1]}{year}"
    return f"{near} ({dated})" if near else f"on {dated}"


def _clock(local: datetime) -> str:
    return f"{local.hour:02d}:{local.minute:02d}"


def _exact(day: date, clock: str, offset: int, language: Language) -> str:
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日 {_DAYS_ZH[day.weekday()]} {clock}（{_zone(offset)}）"
    said = f"{_DAYS_EN[day.weekday()]} {day.day} {_MONTHS_EN[day.month - 1]} {day.year}"
    return f"{said}, {clock} ({_zone(offset)})"


def _zone(offset: int) -> str:
    if offset == 0:
        return "UTC"
    hours, rest = divmod(abs(offset), 60)
    return f"UTC{'+' if offset > 0 else '-'}{hours}" + (f":{rest:02d}" if rest else "")


def _iso(local: datetime, offset: int) -> str:
    hours, rest = divmod(abs(offset), 60)
    return f"{local.isoformat(timespec='minutes')}{'+' if offset >= 0 else '-'}{hours:02d}:{rest:02d}"
