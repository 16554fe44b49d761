"""Pauses grow while something keeps failing, however long, and begin small again once it has run for a while."""

import pytest

from shared.runtime import pauses
from shared.runtime.pauses import Pauses


@pytest.fixture
def clock(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(pauses.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(pauses.random, "uniform", lambda low, high: high)
    return now


def test_what_keeps_failing_is_tried_ever_more_rarely_also_after_minutes(clock):
    tried = Pauses(0.2, 5.0)
    found = []
    for _ in range(60):
        found.append(tried.after_failure())
        clock[0] += found[-1] + 1.0  # a try takes a second
    assert found[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(found[6:]) == {5.0}


def test_what_ran_for_a_while_is_tried_again_soon(clock):
    tried = Pauses(0.1, 10.0)
    for _ in range(10):
        clock[0] += tried.after_failure()
    clock[0] += 31.0
    assert tried.after_failure() == 0.1
