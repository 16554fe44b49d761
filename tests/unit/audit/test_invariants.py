"""Each invariant is silent over a healthy world and catches its violation: a check that cannot fail is worthless."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from deploy.audit.client_log import Answer
from deploy.audit.invariants import filing
from deploy.audit.report import CHECKS, judge
from deploy.audit.snapshot import DeadRecord, KeyRow, Leak, Mail, OutboxRow, Snapshot, Suppression
from tests.unit.audit.healthy import (
    COMPLAINT,
    KEY,
    MESSAGE_ID,
    NOW,
    RECEIVED,
    TOKEN,
    changed,
    clock,
    deadline,
    event_id,
    plus,
    timer,
    told,
    without,
    world,
)

MINUTE = timedelta(minutes=1)
OTHER = UUID(int=COMPLAINT.int + 1)
Change = Callable[[Snapshot], Snapshot]


def case(seen: Snapshot, **changes: object) -> Snapshot:
    return replace(seen, cases={COMPLAINT: replace(seen.cases[COMPLAINT], **changes)})  # type: ignore[arg-type]


def complaint(seen: Snapshot, **changes: object) -> Snapshot:
    return replace(seen, complaints={COMPLAINT: replace(seen.complaints[COMPLAINT], **changes)})  # type: ignore[arg-type]


def clock_row(seen: Snapshot, kind: str, **changes: object) -> Snapshot:
    rows = tuple(replace(row, **changes) if row.kind == kind else row for row in seen.clocks)  # type: ignore[arg-type]
    return replace(seen, clocks=rows)


def notice(seen: Snapshot, **changes: object) -> Snapshot:
    return replace(seen, notices=(replace(seen.notices[0], **changes),))  # type: ignore[arg-type]


def answers(*given: tuple[int | None, UUID | None]) -> Change:
    return lambda seen: replace(
        seen,
        answers=tuple(Answer(client="shop", key=KEY, status=status, complaint_id=found) for status, found in given),
    )


def mails(*given: Mail) -> Change:
    return lambda seen: replace(seen, mailbox=given)


MAIL = Mail(message_id=MESSAGE_ID, recipients=("customer@example.com",), subject="s")
DUE = RECEIVED + 45 * MINUTE

BROKEN: dict[str, tuple[str, Change, str]] = {
    # I1
    "answered, not stored": ("I1", answers((201, OTHER)), "no such complaint exists"),
    "one key, two complaints answered": ("I1", answers((201, COMPLAINT), (201, OTHER)), "several complaints"),
    "refused, yet stored": ("I1", answers((422, None)), "only ever refused"),
    "answered with another reference": (
        "I1",
        lambda seen: complaint(seen, reference="R-XXXX-XXXX"),
        "answered with the reference",
    ),
    "one key, two complaints stored": (
        "I1",
        lambda seen: replace(seen, keys=(*seen.keys, KeyRow("shop", KEY, OTHER))),
        "stands for",
    ),
    "key without a complaint": ("I1", lambda seen: replace(seen, complaints={}), "no complaint exists"),
    "one reference, two complaints": (
        "I1",
        lambda seen: replace(
            seen, complaints={**seen.complaints, OTHER: replace(seen.complaints[COMPLAINT], complaint_id=OTHER)}
        ),
        "is that of",
    ),
    "submitted twice": ("I1", lambda seen: plus(seen, told(70, "intake", "complaint.submitted", 2)), "submitted twice"),
    # I2
    "no owner": ("I2", lambda seen: replace(seen, cases={}), "no department owns it"),
    "empty owner": ("I2", lambda seen: case(seen, department=""), "names no department"),
    "another owner than told": ("I2", lambda seen: case(seen, department="billing"), "told was delivery"),
    "an epoch nobody told": ("I2", lambda seen: case(seen, epoch=2), "in epoch 2"),
    "two assignments of one epoch": (
        "I2",
        lambda seen: plus(
            seen,
            told(70, "routing", "complaint.assigned", 7, epoch=1, department="billing", previous_department=None),
        ),
        "has the epoch 1",
    ),
    "an assignment out of the blue": (
        "I2",
        lambda seen: plus(
            seen,
            told(70, "routing", "complaint.assigned", 7, epoch=2, department="x", previous_department="billing"),
        ),
        "does not follow",
    ),
    "owned, never accepted": ("I2", lambda seen: replace(seen, complaints={}), "never accepted by intake"),
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
    # I9
    "two copies of one message": ("I9", mails(MAIL, MAIL), "2 copies"),
    "a message to two people": (
        "I9",
        mails(replace(MAIL, recipients=("a@example.com", "b@example.com"))),
        "has 2 recipients",
    ),
    "two notices for one cause": (
        "I9",
        lambda seen: replace(
            seen, notices=(*seen.notices, replace(seen.notices[0], notice_id=UUID(int=502), message_id="<2@x>"))
        ),
        "for the one cause",
    ),
    "sent, never arrived": ("I9", mails(replace(MAIL, message_id="<other@elsewhere.example>")), "did not arrive"),
    "arrived, never recorded": (
        "I9",
        mails(MAIL, replace(MAIL, message_id="<notice-9@redress.example>")),
        "the ledger does not know it",
    ),
    "sent, never told": ("I9", lambda seen: without(seen, 4), "nobody was told"),
    "told as sent twice": (
        "I9",
        lambda seen: plus(seen, replace(seen.told[3], event_id=event_id(70), version=4, offset=70, cause_id="else")),
        "told as sent twice",
    ),
    # I10
    "sent to a suppressed recipient": (
        "I10",
        lambda seen: replace(seen, suppressions=(Suppression("person-1", RECEIVED),)),
        "suppressed recipient",
    ),
    "waiting for an erased person": (
        "I10",
        lambda seen: plus(notice(seen, state="pending", sent_at=None), told(70, "intake", "person.erased", 2)),
        "erased person",
    ),
    # I11
    "poison nobody kept": ("I11", lambda seen: replace(seen, dead_letters=()), "in no dead-letter table"),
    "poison one consumer dropped": (
        "I11",
        lambda seen: replace(seen, dead_letters=seen.dead_letters[:1], dead_records=seen.dead_records[:1]),
        "for notifier (bad_json)",
    ),
    "poison kept with other bytes": (
        "I11",
        lambda seen: replace(seen, poison=(replace(seen.poison[0], digest=b"else"),)),
        "stored with other bytes",
    ),
    "poison kept twice": (
        "I11",
        lambda seen: replace(seen, dead_letters=(*seen.dead_letters, replace(seen.dead_letters[0], id=9))),
        "stored twice",
    ),
    "a dead letter never published": ("I11", lambda seen: replace(seen, dead_records=()), "never published"),
    "a dead letter published with other bytes": (
        "I11",
        lambda seen: replace(seen, dead_records=tuple(replace(r, digest=b"x") for r in seen.dead_records)),
        "published with other bytes",
    ),
    "a dead letter from nowhere": (
        "I11",
        lambda seen: replace(
            seen,
            dead_records=(
                *seen.dead_records,
                DeadRecord(consumer="sla", topic="complaints.sla", partition=0, offset=1, digest=b"y"),
            ),
        ),
        "in no table",
    ),
    "a replay without effect": (
        "I11",
        lambda seen: replace(
            seen, dead_letters=tuple(replace(r, replayed=True, event_id=UUID(int=3)) for r in seen.dead_letters)
        ),
        "has not applied it",
    ),
    # I15
    "a link that opens two complaints": (
        "I15",
        lambda seen: plus(
            seen, replace(seen.told[0], complaint_id=OTHER, event_id=event_id(70), offset=70)
        ),
        "opens another complaint",
    ),
    "a mail with somebody else's link": (
        "I15",
        mails(replace(MAIL, tokens=("somebody-elses-long-token",))),
        "not its own",
    ),
    "a short link": ("I15", mails(replace(MAIL, tokens=("short",))), "only 5 characters"),
    "another hash than told": (
        "I15",
        lambda seen: replace(seen, token_hashes={COMPLAINT: "0" * 64}),
        "another hash",
    ),
    # I17
    "a name in a log": (
        "I17",
        lambda seen: replace(seen, leaks=(Leak("a planted marker", "the log of router"),)),
        "in clear in the log of router",
    ),
    # I19
    "a lost trace": ("I19", lambda seen: changed(seen, 2, traceparent=None), "lost the trace"),
    "another trace": (
        "I19",
        lambda seen: changed(seen, 2, traceparent="00-11111111111111111111111111111111-b7ad6b7169203331-01"),
        "in another trace",
    ),
}  # fmt: skip


def test_a_healthy_world_has_no_violation_and_every_check_looked_at_something() -> None:
    report = judge(world())
    assert report.violations == ()
    assert report.ok
    assert all(size > 0 for size in report.checked.values()), report.checked


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_caught(name: str) -> None:
    invariant, change, said = BROKEN[name]
    found = [violation.what for violation in judge(change(world())).violations if violation.invariant == invariant]
    assert any(said in what for what in found), found


def test_every_invariant_is_proved_able_to_fail() -> None:
    assert {invariant for invariant, _, _ in BROKEN.values()} == CHECKS.keys()


TOLERATED: dict[str, Change] = {
    "a complaint without an answer may exist": answers((None, None)),
    "a refusal of a second body beside the first answer": answers((201, COMPLAINT), (422, None)),
    "a relay that published twice": lambda seen: replace(
        seen, told=(*seen.told, *(replace(record, offset=record.offset + 1000) for record in seen.told))
    ),
    "a second copy where the last answer was lost": lambda seen: plus(
        replace(seen, mailbox=(MAIL, MAIL)),
        told(70, "notices", "notice.unknown", 4, event_id(3), notice="acknowledgement", message_id=MESSAGE_ID,
             notice_id=str(UUID(int=501)), channel="email"),
    ),
    "a late deadline that says so": lambda seen: changed(
        seen, 41, data=deadline("warn_50", DUE, DUE + 2 * MINUTE, late=True)
    ),
    "a timer due a moment ago": lambda seen: replace(seen, timers=(timer(NOW - MINUTE / 2),)),
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
    "other people's mail": lambda seen: replace(
        seen, mailbox=(*(seen.mailbox or ()), replace(MAIL, message_id="<hello@elsewhere.example>"))
    ),
    "a suppression after the message": lambda seen: replace(seen, suppressions=(Suppression("person-1", NOW),)),
    "no mail catcher": lambda seen: replace(seen, mailbox=None, mailbox_whole=False),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_what_the_promises_allow_is_not_reported(name: str) -> None:
    assert judge(TOLERATED[name](world())).violations == ()


YOUNG: dict[str, Change] = {
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


def test_gaps_on_a_topic_whose_records_expired_are_not_judged_and_the_report_says_so() -> None:
    seen = without(world(), 9)
    expired = replace(seen, whole_topics=seen.whole_topics - {"complaints.routing"})
    assert judge(seen).violations != ()
    assert judge(expired).violations == ()
    assert any("complaints.routing" in note for note in judge(expired).notes)


def test_the_report_is_the_contract() -> None:
    report = judge(case(world(), department="billing")).as_json()
    assert report["ok"] is False
    assert set(report["violations"][0]) == {"invariant", "complaint_id", "what"}
    assert report["checked"]["I2"] == 1
    assert TOKEN not in str(report)


def test_one_key_of_two_clients_may_stand_for_two_complaints_when_the_log_has_no_names() -> None:
    seen = world()
    row = replace(seen.complaints[COMPLAINT], complaint_id=OTHER, reference="R-2222-2222")
    both = replace(
        seen,
        complaints={**seen.complaints, OTHER: row},
        keys=(KeyRow("shop", KEY, COMPLAINT), KeyRow("till", KEY, OTHER)),
        answers=tuple(Answer(client=None, key=KEY, status=201, complaint_id=found) for found in (COMPLAINT, OTHER)),
    )
    assert list(filing.check(both)) == []
    one_client = replace(both, keys=(KeyRow("shop", KEY, COMPLAINT), KeyRow("shop", UUID(int=78), OTHER)))
    assert [violation.what for violation in filing.check(one_client)] == [
        f"the key {KEY} was answered with several complaints"
    ]
