"""I4, I5, I6: no event is lost, none acts twice, all keep their order."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from deploy.audit.report import judge
from deploy.audit.snapshot import DeadRecord, OutboxRow
from tests.unit.audit.changes import MINUTE, Broken, Tolerated, assert_caught, assert_silent, case, complaint
from tests.unit.audit.healthy import COMPLAINT, NOW, changed, event_id, plus, told, without, world

BROKEN: Broken = {
    # I4
    "an event stuck in the outbox": (
        "I4",
        lambda seen: replace(
            seen,
            outbox=(
                OutboxRow(service="sla", topic="complaints.sla", event_id=UUID(int=1), occurred_at=NOW - MINUTE),
            ),
        ),
        "has not published",
    ),
    "a lost event in the middle": ("I4", lambda seen: without(seen, 9), "lacks its versions 4"),
    "a lost event at the end of intake": ("I4", lambda seen: complaint(seen, version=2), "committed version 2"),
    "a lost event at the end of the router": ("I4", lambda seen: without(seen, 61), "committed version 6"),
    "a lost event at the end of sla": (
        "I4",
        lambda seen: replace(seen, versions={("complaints.sla", COMPLAINT): 7}),
        "sla committed version 7",
    ),
    "a record a reader never applied": (
        "I4",
        lambda seen: replace(seen, inbox={**seen.inbox, "router": seen.inbox["router"] - {event_id(1)}}),
        "router never applied complaint.submitted",
    ),
    # I5
    "one cause, two effects": (
        "I5",
        lambda seen: plus(
            seen,
            told(70, "routing", "complaint.assigned", 7, event_id(1), epoch=2, department="x", previous_department="delivery"),
        ),
        "more than once",
    ),
    "one version told twice": (
        "I5",
        lambda seen: plus(seen, told(70, "routing", "progress.reported", 6, epoch=1, department="delivery")),
        "told version 6 twice",
    ),
    "one event, two contents": (
        "I5",
        lambda seen: replace(seen, told=(*seen.told, replace(seen.told[0], offset=90, digest=b"other"))),
        "two contents",
    ),
    # I6
    "versions out of order": (
        "I6",
        lambda seen: replace(seen, told=(*seen.told[:4], seen.told[5], seen.told[4], *seen.told[6:])),
        "behind version",
    ),
    "one complaint on two partitions": ("I6", lambda seen: changed(seen, 5, partition=2), "partitions 1 and 2"),
    "a router that fell back": ("I6", lambda seen: case(seen, version=5), "it told version 6"),
    "intake with a stale owner": ("I6", lambda seen: complaint(seen, department="billing"), "intake knows billing"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    assert_caught(BROKEN[name])


TOLERATED: Tolerated = {
    "a relay that published twice": lambda seen: replace(
        seen, told=(*seen.told, *(replace(record, offset=record.offset + 1000) for record in seen.told))
    ),
    "a dead letter in place of an inbox row": lambda seen: replace(
        seen,
        inbox={**seen.inbox, "router": seen.inbox["router"] - {event_id(1)}},
        dead_letters=(
            *seen.dead_letters,
            replace(seen.dead_letters[0], id=9, offset=1, partition=1, event_id=event_id(1), digest=b"1"),
        ),
        dead_records=(
            *seen.dead_records,
            DeadRecord(consumer="router", topic="complaints.intake", partition=1, offset=1, digest=b"1"),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_promises_allow_is_not_reported(name: str) -> None:
    assert_silent(TOLERATED[name])


YOUNG: Tolerated = {
    "a complaint just accepted": lambda seen: replace(
        complaint(seen, accepted_at=NOW), cases={}, told=seen.told[:1], notices=(), clocks=(), versions={}
    ),
    "a record just written": lambda seen: replace(
        seen, inbox={}, told=tuple(replace(record, at=NOW) for record in seen.told)
    ),
    "an outbox row just written": lambda seen: replace(
        seen,
        outbox=(OutboxRow(service="sla", topic="complaints.sla", event_id=UUID(int=1), occurred_at=NOW),),
    ),
}


@pytest.mark.parametrize("name", YOUNG)
def test_what_is_still_under_way_is_judged_only_once_it_is_settled(name: str) -> None:
    seen = YOUNG[name](world())
    waiting = replace(seen, settled=NOW - MINUTE)
    assert [v for v in judge(waiting).violations if v.invariant in {"I2", "I4"}] == []
    assert [v for v in judge(seen).violations if v.invariant in {"I2", "I4"}] != []


def test_intakes_owner_is_judged_only_once_sla_has_told_it() -> None:
    stale = complaint(world(), department="billing")
    under_way = replace(changed(stale, 62, at=NOW), settled=NOW - MINUTE)
    for seen in (under_way, without(stale, 3, 7, 10, 41, 51, 62)):
        assert not [v for v in judge(seen).violations if v.invariant == "I6" and "intake knows" in v.what]


def test_gaps_on_a_topic_whose_records_expired_are_not_judged_and_the_report_says_so() -> None:
    seen = without(world(), 9)
    expired = replace(seen, whole_topics=seen.whole_topics - {"complaints.routing"})
    assert judge(seen).violations != ()
    assert judge(expired).violations == ()
    assert any("complaints.routing" in note for note in judge(expired).notes)
