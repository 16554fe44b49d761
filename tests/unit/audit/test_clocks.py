"""I3, I7, I8: one clock of a kind, deadlines that fire once and in time, clocks that end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.audit.changes import DUE, MINUTE, Broken, Tolerated, assert_caught, assert_silent, case, clock_row
from tests.unit.audit.healthy import NOW, RECEIVED, changed, clock, deadline, plus, timer, told, without

BROKEN: Broken = {
    # I3
    "two clocks of one kind": (
        "I3",
        lambda seen: replace(seen, clocks=(*seen.clocks, seen.clocks[1])),
        "2 owner clocks of epoch 1",
    ),
    "two live clocks": (
        "I3",
        lambda seen: replace(
            seen, clocks=tuple(replace(seen.clocks[1], state="running", epoch=epoch) for epoch in (1, 2))
        ),
        "run at once",
    ),
    "a journey that restarted": ("I3", lambda seen: clock_row(seen, "journey", epoch=2), "started again"),
    "a journey from later on": (
        "I3",
        lambda seen: clock_row(seen, "journey", started_at=RECEIVED + MINUTE),
        "did not start when",
    ),
    "no journey": (
        "I3",
        lambda seen: replace(seen, clocks=tuple(row for row in seen.clocks if row.kind != "journey")),
        "no journey clock",
    ),
    "no owner clock": (
        "I3",
        lambda seen: replace(
            case(seen, state="accepted"), clocks=tuple(row for row in seen.clocks if row.kind != "owner")
        ),
        "no owner clock",
    ),
    "a clock told twice": (
        "I3",
        lambda seen: plus(seen, told(70, "sla", "clock.started", 7, clocks=[clock("owner")])),
        "started twice",
    ),
    # I7
    "a deadline that fired twice": (
        "I7",
        lambda seen: plus(
            seen, told(70, "sla", "deadline.warned", 7, "again", **deadline("warn_50", DUE, DUE))
        ),
        "fired twice",
    ),
    "a deadline that fired early": (
        "I7",
        lambda seen: changed(seen, 41, data=deadline("warn_50", DUE, DUE - MINUTE)),
        "too early",
    ),
    "a deadline that hides being late": (
        "I7",
        lambda seen: changed(seen, 41, data=deadline("warn_50", DUE, DUE + 2 * MINUTE)),
        "does not say so",
    ),
    "a deadline that was missed": (
        "I7",
        lambda seen: replace(seen, timers=(timer(NOW - 2 * MINUTE),)),
        "has not fired",
    ),
    # I8
    "a shot at a stopped clock": (
        "I8",
        lambda seen: plus(seen, told(70, "sla", "deadline.breached", 7, "late", **deadline("breach", DUE, DUE))),
        "which is stopped",
    ),
    "a shot at a paused clock": (
        "I8",
        lambda seen: changed(without(seen, 10), 41, data={"clock": "owner"}),
        "which is paused",
    ),
    "a clock paused twice": (
        "I8",
        lambda seen: changed(seen, 10, type="clock.paused.v1"),
        "clock.paused while it was paused",
    ),
    "a pause that brought the date nearer": (
        "I8",
        lambda seen: changed(seen, 10, data={"clocks": [clock("owner", due="2026-11-22T09:00:00Z")]}),
        "earlier after the pause",
    ),
    "a clock that runs on after closing": (
        "I8",
        lambda seen: clock_row(seen, "silence", state="running"),
        "its silence clock is running",
    ),
    "a ledger with a hole": ("I8", lambda seen: replace(seen, ledger=(seen.ledger[0], seen.ledger[2])), "do not join"),
    "a ledger that ends too soon": ("I8", lambda seen: replace(seen, ledger=seen.ledger[:2]), "does not sum"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])


TOLERATED: Tolerated = {
    "a late deadline that says so": lambda seen: changed(
        seen, 41, data=deadline("warn_50", DUE, DUE + 2 * MINUTE, late=True)
    ),
    "a timer due a moment ago": lambda seen: replace(seen, timers=(timer(NOW - MINUTE / 2),)),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_promises_allow_is_not_reported(name: str) -> None:
    assert_silent(TOLERATED[name])
