"""An outage leaves a few lines that say so, not thousands."""

import logging

from shared.runtime.logs import Repeats


def _line(at: float, message: str = "group not filed", **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "x", "msg": message, "created": at, **more})


def test_equal_lines_are_told_a_few_times_a_minute_and_the_rest_is_counted() -> None:
    rate = Repeats(most=3, seconds=60)
    passed = [rate.filter(_line(1_000 + n / 1_000, error="PostgresError", offset=n)) for n in range(8_014)]
    assert passed == [True] * 3 + [False] * 8_011
    later = _line(1_061, error="PostgresError")
    assert rate.filter(later)
    assert later.not_told == 8_011


def test_lines_with_another_cause_are_told() -> None:
    rate = Repeats(most=1)
    assert rate.filter(_line(1, reason="bad_json"))
    assert not rate.filter(_line(1, reason="bad_json"))
    assert rate.filter(_line(1, reason="bad_schema"))
    assert rate.filter(_line(1, "another"))
