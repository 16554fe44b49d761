"""A failure that repeats fills no disk and hides nothing: equal lines once a minute, with the count of the others (H10)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from shared.runtime.logs import JsonLines, Repeats

log = logging.getLogger("tests.logs")


class Told:
    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = Repeats(self.stream, window=60, burst=100, clock=lambda: self.now)
        self.handler.setFormatter(JsonLines("test"))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    log.addHandler(made.handler)
    log.propagate = False
    log.setLevel(logging.INFO)
    yield made
    log.removeHandler(made.handler)


def test_an_outage_of_8014_failures_is_some_lines_and_every_one_is_counted(told: Told) -> None:
    for n in range(8_014):
        told.now = n * 175 / 8_014
        extra = {"action": "file_group", "error": "OSError", "size": n % 40, "pause": n * 0.1}
        log.warning("group not filed", extra=extra)
    told.handler.close()
    assert 3 <= len(told.lines) <= 6
    assert len(told.lines) + sum(line.get("repeated", 0) for line in told.lines) == 8_014


def test_what_was_swallowed_last_is_told_by_the_next_line_of_any_kind(told: Told) -> None:
    for _ in range(5):
        log.warning("mail relay is away", extra={"action": "smtp_away"})
    told.now = 61
    log.info("policies reloaded", extra={"action": "policies_reload"})
    assert [(line["message"], line.get("repeated")) for line in told.lines] == [
        ("mail relay is away", None),
        ("mail relay is away", 3),
        ("policies reloaded", None),
    ]


def test_lines_that_name_different_things_all_pass_within_a_bound(told: Told) -> None:
    for n in range(300):
        log.error("notice could not be written", extra={"action": "prepare", "notice": f"n{n}"})
    assert [line["notice"] for line in told.lines] == [f"n{n}" for n in range(100)]
    told.handler.close()
    assert told.lines[-1]["repeated"] == 199


def test_another_error_is_another_line(told: Told) -> None:
    for error in (OSError(), ValueError(), OSError()):
        log.warning("relay interrupted", extra={"action": "relay_retry"}, exc_info=error)
    assert [line["error"] for line in told.lines] == ["OSError", "ValueError"]


def test_memory_is_bounded(told: Told) -> None:
    for n in range(50_000):
        told.now += 0.01
        log.warning("odd", extra={"ref": f"r{n}"})
    assert len(told.handler._lines) < 15_000
