"""Business time against the neutral vectors: all of ../shared/data where it lies beside the repository, and our own."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.sla.domain.calendar import Calendar, CalendarError, CalendarSpec, Span, instant_of
from services.sla.domain.working_days import add_business_days, add_working_dates, end_of, last_day

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SOURCES = {"ours": HERE / "calendar_vectors.json", "shared": ROOT.parent / "shared" / "data" / "calendar_vectors.json"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def minutes(wall: str) -> int:
    hours, rest = wall.split(":")
    return int(hours) * 60 + int(rest)


def spans(pairs: list[list[str]]) -> tuple[Span, ...]:
    return tuple((minutes(opens), minutes(closes)) for opens, closes in pairs)


def by_date(entries: dict[str, list[list[str]]]) -> dict[date, tuple[Span, ...]]:
    return {date.fromisoformat(day): spans(pairs) for day, pairs in entries.items()}


def calendar_of(raw: dict) -> Calendar:
    return Calendar(
        CalendarSpec(
            tz=raw["tz"],
            week=tuple(spans(raw["week"].get(day, [])) for day in DAYS),
            holidays=frozenset(date.fromisoformat(day) for day in raw.get("holidays", [])),
            annual_holidays=frozenset((int(d[:2]), int(d[3:])) for d in raw.get("annual_holidays", [])),
            overrides=by_date(raw.get("date_overrides", {})),
            breaks=by_date(raw.get("breaks", {})),
        )
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def pauses(given: dict) -> list[tuple[datetime, datetime]]:
    return [(at(begin), at(end)) for begin, end in given["pauses"]]


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local_to_instant(given: dict) -> dict:
    zone = ZoneInfo(given["tz"])
    instant = instant_of(zone, datetime.fromisoformat(given["local"]))
    return {"instant": iso(instant), "local_normalised": instant.astimezone(zone).replace(tzinfo=None).isoformat()}


def reg_deadline(calendar: Calendar, given: dict) -> dict:
    last = last_day(calendar, at(given["received"]), given["unit"], given["n"])
    return {"last_day": last.isoformat(), "deadline": iso(end_of(calendar, last))}


ANSWERS = {
    "add": lambda c, i: {"deadline": iso(c.add(at(i["start"]), seconds(i["seconds"])))},
    "subtract": lambda c, i: {"start": iso(c.subtract(at(i["end"]), seconds(i["seconds"])))},
    "elapsed": lambda c, i: {"seconds": c.elapsed(at(i["start"]), at(i["end"])).total_seconds()},
    "is_open": lambda c, i: {"open": c.is_open(at(i["at"]))},
    "open_intervals": lambda c, i: {
        "intervals": [[iso(a), iso(b)] for a, b in c.open_intervals(at(i["from"]), at(i["to"]))]
    },
    "pause_add": lambda c, i: {"deadline": iso(c.add_with_pauses(at(i["start"]), seconds(i["seconds"]), pauses(i)))},
    "pause_elapsed": lambda c, i: {
        "seconds": c.elapsed_with_pauses(at(i["start"]), at(i["end"]), pauses(i)).total_seconds()
    },
    "add_business_days": lambda c, i: {
        "deadline": iso(add_business_days(c, at(i["start"]), i["days"], i["convention"]))
    },
    "add_working_dates": lambda c, i: {
        "date": add_working_dates(c, date.fromisoformat(i["date"]), i["days"]).isoformat()
    },
    "reg_deadline": reg_deadline,
}


def cases():
    for source, path in SOURCES.items():
        if not path.exists():
            continue
        vectors = json.loads(path.read_text(encoding="utf-8"))
        for case in vectors["cases"]:
            yield pytest.param(vectors["calendars"], case, id=f"{source}:{case['id']}")


@pytest.mark.parametrize(("calendars", "case"), list(cases()))
def test_calendar_agrees_with_the_vector(calendars: dict, case: dict) -> None:
    kind, given, expected = case["kind"], case["input"], case["expect"]
    if kind == "local_to_instant":
        assert local_to_instant(given) == expected
        return
    if "error" in expected:
        with pytest.raises(CalendarError) as refused:
            ANSWERS[kind](calendar_of(calendars[case["calendar"]]), given)
        assert refused.value.reason == expected["error"]
        return
    assert ANSWERS[kind](calendar_of(calendars[case["calendar"]]), given) == expected


def test_our_own_vectors_cover_every_kind_of_question() -> None:
    ours = json.loads(SOURCES["ours"].read_text(encoding="utf-8"))["cases"]
    assert {case["kind"] for case in ours} == {*ANSWERS, "local_to_instant"}
