"""The clocks of the desk say what sla said last."""

from datetime import timedelta

import pytest
from pydantic_core import from_json, to_json

from services.router.domain.clocks import Dial, next_due, packed, told, unpacked, warned
from shared.events.sla import Clock
from tests.unit.router.cases import NOON


def clock(kind: str = "owner", **more: object) -> Clock:
    values = {"epoch": 1, "state": "running", "started_at": NOON, "due_at": NOON + timedelta(hours=8)} | more
    return Clock(kind=kind, **values)  # type: ignore[arg-type]


def test_the_nearest_running_date_stands_for_the_case() -> None:
    dials = told(
        {}, [clock(), clock("journey", due_at=NOON + timedelta(days=9)), clock("silence", state="paused", due_at=None)]
    )
    assert next_due(dials) == (NOON + timedelta(hours=8), "owner")
    assert next_due({}) == (None, None)


def test_an_older_epoch_never_replaces_a_newer_one() -> None:
    newer = told({}, [clock(epoch=2, due_at=NOON + timedelta(hours=1))])
    assert told(newer, [clock(epoch=1)]) == newer


def test_a_warning_holds_until_the_date_moves() -> None:
    dials = warned(told({}, [clock()]), "owner", 1)
    assert dials["owner"].warned
    assert told(dials, [clock()])["owner"].warned
    assert not told(dials, [clock(due_at=NOON + timedelta(hours=9))])["owner"].warned
    assert warned(dials, "owner", 2) == dials
    assert warned(dials, "promise", 1) == dials


@pytest.mark.parametrize(
    ("dial", "hours", "shown"),
    [
        ({}, 0, "running"),
        ({}, 5.9, "running"),
        ({}, 6, "soon"),
        ({"warned": True}, 0, "running"),
        ({}, 8, "late"),
        ({"state": "paused", "due_at": None}, 99, "paused"),
        ({"state": "stopped", "outcome": "met"}, 99, "settled"),
        ({"state": "stopped", "outcome": "late"}, 0, "late"),
    ],
)
def test_every_clock_has_a_word(dial: dict[str, object], hours: float, shown: str) -> None:
    values = {"kind": "owner", "epoch": 1, "state": "running", "started_at": NOON, "due_at": NOON + timedelta(hours=8)}
    assert Dial(**(values | dial)).shown(NOON + timedelta(hours=hours)) == shown  # type: ignore[arg-type]


def test_what_is_packed_comes_back() -> None:
    dials = warned(told({}, [clock(), clock("journey", state="stopped", outcome="met")]), "owner", 1)
    assert unpacked(from_json(to_json(packed(dials)))) == dials


def test_every_promise_that_stands_has_a_dial_and_one_that_was_moved_has_none() -> None:
    first = clock("promise", epoch=10, due_at=NOON + timedelta(days=2))
    call = clock("promise", epoch=30, due_at=NOON + timedelta(days=1))
    dials = told({}, [clock("journey", due_at=NOON + timedelta(days=9)), first, call])
    assert next_due(dials) == (NOON + timedelta(days=1), "promise")
    assert unpacked(from_json(to_json(packed(dials)))) == dials
    later = clock("promise", epoch=40, due_at=NOON + timedelta(days=5))
    moved = told(told(dials, [later]), [call.model_copy(update={"state": "stopped", "outcome": None})])
    assert next_due(moved) == (NOON + timedelta(days=2), "promise")
    assert sorted(one.epoch for one in moved.values() if one.kind == "promise") == [10, 40]


def test_dials_of_an_earlier_release_which_kept_one_promise_are_read() -> None:
    held = from_json(to_json(packed(told({}, [clock("promise", epoch=10)]))))
    assert "others" not in held["promise"]
    kept = told(unpacked(held), [clock("promise", epoch=10, state="stopped", outcome="met")])
    assert [one.outcome for one in kept.values()] == ["met"]
