"""What a time zone is called beside a time, in the language of the reader. Pure.

A time without its zone in sight is another time for whoever lives elsewhere.
"""

from datetime import datetime, tzinfo
from typing import Final, Literal

Language = Literal["zh", "en"]

_NAMES: Final[dict[str, tuple[str, str]]] = {
    "Asia/Shanghai": ("北京时间", "Beijing time"),
    "Asia/Hong_Kong": ("香港时间", "Hong Kong time"),
    "Asia/Taipei": ("台北时间", "Taipei time"),
    "Asia/Singapore": ("新加坡时间", "Singapore time"),
    "Asia/Tokyo": ("东京时间", "Tokyo time"),
    "Europe/London": ("伦敦时间", "London time"),
    "America/New_York": ("纽约时间", "New York time"),
    "America/Chicago": ("芝加哥时间", "Chicago time"),
    "America/Los_Angeles": ("洛杉矶时间", "Los Angeles time"),
    "Australia/Sydney": ("悉尼时间", "Sydney time"),
}


def name_of(zone: tzinfo, at: datetime, language: Language) -> str:
    """A zone as people call it: 北京时间, "New York time"; the offset at that instant where it has no name of that kind."""
    key = str(zone)
    if key in _NAMES:
        return _NAMES[key][0 if language == "zh" else 1]
    return offset_of(zone, at)


def offset_of(zone: tzinfo, at: datetime) -> str:
    """The zone's offset at an instant: "UTC+8", "UTC-3:30", "UTC"."""
    offset = at.astimezone(zone).utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02d}" if rest else "")
