"""Moments that come from outside: an ISO 8601 date and time with its zone (RFC 3339), and nothing that merely parses.

Pydantic alone also takes seconds since 1970, as a number or as a string of digits (`"99999999999999"` is the year 5138),
and a date without a time; and it takes moments that have no place in UTC's calendar, which then break whoever converts.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?")


def _read(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _WRITTEN.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            pass
    raise PydanticCustomError("datetime_parsing", "not a date and time in ISO 8601")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_parsing", "outside the calendar of UTC") from None


def _convertible(value: datetime) -> datetime:
    _in_utc(value)
    return value


GivenInstantAsTold = Annotated[
    AwareDatetime,
    BeforeValidator(_read),
    AfterValidator(_convertible),
    Field(json_schema_extra={"format": "date-time"}),
]
"""An instant with the offset it was told with. Errors: `datetime_parsing`, `timezone_aware`."""

GivenInstant = Annotated[GivenInstantAsTold, AfterValidator(_in_utc)]
"""An instant in UTC. Errors as for `GivenInstantAsTold`."""
