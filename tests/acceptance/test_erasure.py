"""Erased at every point of a life, with a send in flight: nothing of the person is readable anywhere we own (I16)."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.audited import violations
from tests.support.lives import Life
from tests.support.traces_left import left_of
from tests.support.world import World, wait_for

pytestmark = pytest.mark.timeout(420)


POINTS: dict[str, Callable[[Life], None]] = {
    "assigned": Life.assigned,
    "question open": Life.asked,
    "transfer offered": Life.offered,
    "resolution proposed": Life.proposed,
    "closed": Life.closed,
    "reopened": Life.reopened,
}


@pytest.mark.parametrize("point", list(POINTS))
def test_nothing_of_an_erased_person_is_left(redress: World, point: str, tmp_path: Path):
    life = Life(redress)
    POINTS[point](life)
    assert left_of(redress, life.words), "the search finds what is there"
    told = redress.operator("erase", life.reference)
    assert "Nothing was changed" in told and life.reference in told
    assert redress.case(life.reference)["text"], "nothing was changed"
    if point == "closed":
        _is_exported(life, tmp_path)
    assert "is erased" in life.erase()
    life.is_gone()
    assert "was erased on" in life.erase(), "once is enough"


def _is_exported(life: Life, folder: Path) -> None:
    """All that was said is in the copy for the person, as far as it is theirs."""
    files = life.redress.operator("export-person", life.reference, "--out", str(folder)).split()
    (one,) = json.loads(Path(files[0]).read_text("utf-8"))["complaints"]
    told = [line["text"] for line in one["history"]]
    for words in ("a note about them", "which door?", "the red one", "found it", "a new parcel", "in the end"):
        assert life.said(words) in told, words
    assert one["text"] == life.said("the parcel never came") and one["rating"] == 4
    assert {line["kind"] for line in one["messages"]} >= {"acknowledgement", "question", "resolution"}
    assert Path(files[1]).read_bytes().startswith(b"%PDF-")


def test_one_just_filed_is_erased_before_anybody_has_read_it(redress: World):
    for name in ("router", "notifier"):
        redress.kill(name)
    life = Life(redress)
    life.file()
    life.erase()
    redress.revive()
    life.is_gone()


def test_a_message_that_waits_is_not_sent(redress: World):
    life = Life(redress)
    life.accepted()
    redress.mailbox.stop()
    life.act("progress", text=life.said("on its way"))
    wait_for(
        lambda: redress.database.fetch("SELECT 1 FROM notifier.notice WHERE state IN ('pending', 'leased', 'sending')"),
        "a message waits",
    )
    life.erase()
    redress.mailbox.start()
    life.is_gone()
    assert redress.mails(life.email) == []


def test_a_message_in_flight_is_not_kept(redress: World):
    life = Life(redress)
    life.accepted()
    catcher = redress.mailbox.pid
    os.kill(catcher, signal.SIGSTOP)
    try:
        life.act("progress", text=life.said("on its way"))
        wait_for(
            lambda: redress.database.fetch("SELECT 1 FROM notifier.notice WHERE state = 'sending'"),
            "a send is in flight",
        )
        life.erase()
    finally:
        os.kill(catcher, signal.SIGCONT)
    life.is_gone()
    assert redress.mails(life.email) == []


def test_the_auditor_finds_nothing_to_blame_and_whatever_is_left(redress: World):
    life = Life(redress)
    life.assigned()
    life.erase()
    life.is_gone()
    assert violations(redress) == []
    person = redress.database.fetch(
        "SELECT person_id, complaint_id FROM intake.complaint WHERE reference = $1", life.reference
    )[0]
    for statement in (
        "UPDATE intake.complaint SET title = 'left' WHERE complaint_id = $1",
        "UPDATE router.case_event SET body = 'left' WHERE complaint_id = $1",
        "UPDATE notifier.contact SET token_hash = sha256('left') WHERE complaint_id = $1",
    ):
        redress.database.execute(statement, person["complaint_id"])
    redress.database.execute(
        "INSERT INTO vault.person (person_id, wrapped_key) VALUES ($1, 'left')", person["person_id"]
    )
    found = {one["what"] for one in violations(redress, wait=1) if one["invariant"] == "I16"}
    assert len(found) == 4, found
