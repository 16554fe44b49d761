"""The small pure rules: when to try again, how an attempt ends, what a customer may do, how often a link may be used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.conversation import Patience
from services.notifier.channels.outcome import NOT_BEGUN, SENT, Outcome, Stage, Verdict
from services.notifier.domain.actions import Action, done, may
from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import KINDS, policy_name
from services.notifier.domain.retry import GIVE_UP_AFTER, next_try
from services.notifier.http.limits import PageLimits
from services.notifier.pipeline.claim import Claimed
from services.notifier.pipeline.ended import State, judged
from services.notifier.settings import Settings
from shared.policies.notices import NOTICE_KINDS

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@given(attempts=st.integers(0, 200), id_=st.uuids())
def test_a_next_try_is_later_never_beyond_a_day_and_pauses_grow(attempts: int, id_: UUID) -> None:
    at = next_try(attempts, now=NOW, due_since=NOW, notice_id=id_)
    after = next_try(attempts + 1, now=NOW, due_since=NOW, notice_id=id_)
    assert at is not None and after is not None
    assert NOW + timedelta(seconds=15) <= at <= NOW + timedelta(minutes=38)
    assert after >= at
    assert next_try(attempts, now=NOW + GIVE_UP_AFTER, due_since=NOW, notice_id=id_) is None


def test_what_failed_together_does_not_return_together() -> None:
    times = {next_try(1, now=NOW, due_since=NOW, notice_id=UUID(int=n)) for n in range(50)}
    assert len(times) == 50


def claimed(**more: Any) -> Claimed:
    journey = Journey(complaint_id=uuid4(), reference="R-1", pack="retail", language="zh")
    values: dict[str, Any] = dict.fromkeys(Claimed.__slots__) | {
        "complaint_id": journey.complaint_id,
        "notice_id": uuid4(),
        "lease": uuid4(),
        "since": 0.0,
        "expires": 0.0,
        "at": NOW,
        "journey": journey,
        "kind": "progress",
        "cause_id": uuid4(),
        "recipient_ref": uuid4(),
        "epoch": 1,
        "variant": "",
        "attempts": 0,
        "resends": 0,
        "due_since": NOW,
    }
    return Claimed(**{**values, **more})


def outcome(verdict: Verdict, stage: Stage = Stage.DOT) -> Outcome:
    return Outcome(verdict=verdict, stage=stage, reason=f"smtp_{verdict}")


@pytest.mark.parametrize(
    ("one", "resends", "state", "again", "tells", "resends_after"),
    [
        (SENT, 0, State.SENT, False, True, 0),
        (SENT, 1, State.SENT, False, True, 1),
        (outcome(Verdict.PERMANENT), 0, State.FAILED, False, True, 0),
        (outcome(Verdict.TRANSIENT), 0, State.PENDING, True, False, 0),
        (outcome(Verdict.TRANSIENT), 1, State.UNKNOWN, True, False, 1),
        (outcome(Verdict.UNKNOWN), 0, State.UNKNOWN, True, True, 1),
        (outcome(Verdict.UNKNOWN), 1, State.UNKNOWN, False, True, 1),
        (NOT_BEGUN, 0, State.PENDING, True, False, 0),
        (NOT_BEGUN, 1, State.UNKNOWN, True, False, 1),
    ],
)
def test_an_attempt_ends_in_one_state_and_never_in_a_third_copy(
    one: Outcome, resends: int, state: State, again: bool, tells: bool, resends_after: int
) -> None:
    end = judged(claimed(resends=resends), one, now=NOW, resend_after=timedelta(seconds=60))
    assert (end.state, end.next_at is not None, end.tells, end.resends) == (state, again, tells, resends_after)


def test_a_transient_refusal_after_a_day_is_a_failure() -> None:
    end = judged(
        claimed(due_since=NOW - timedelta(hours=24)),
        outcome(Verdict.TRANSIENT, Stage.RCPT),
        now=NOW,
        resend_after=timedelta(seconds=60),
    )
    assert (end.state, end.next_at, end.tells) == (State.FAILED, None, True)


WORKING = Journey(complaint_id=uuid4(), reference="R-1", pack="retail", language="zh", phase="working")
ASKED = replace(WORKING, phase="waiting", question_id=uuid4())
ANSWERED = replace(WORKING, phase="proposed", resolution_id=uuid4())
CLOSED = replace(WORKING, phase="closed", closed_how="no_answer")


@pytest.mark.parametrize(
    ("journey", "allowed"),
    [
        (WORKING, {"add"}),
        (ASKED, {"reply", "add"}),
        (replace(ASKED, replied=True), {"add"}),
        (ANSWERED, {"add", "confirm", "dispute"}),
        (replace(ANSWERED, decision="confirmed"), {"add", "rate"}),
        (replace(ANSWERED, decision="disputed"), {"add"}),
        (CLOSED, {"dispute", "rate"}),
        (replace(CLOSED, closed_how="merged"), {"rate"}),
        (replace(CLOSED, rating=5), {"dispute"}),
    ],
)
def test_a_customer_may_do_what_makes_sense_now(journey: Journey, allowed: set[Action]) -> None:
    actions: tuple[Action, ...] = ("reply", "add", "confirm", "dispute", "rate")
    assert {action for action in actions if may(action, journey) == "yes"} == allowed


@pytest.mark.parametrize(
    ("action", "journey"), [("reply", ASKED), ("confirm", ANSWERED), ("dispute", ANSWERED), ("rate", CLOSED)]
)
def test_doing_it_twice_is_as_good_as_once(action: Action, journey: Journey) -> None:
    assert may(action, journey) == "yes"
    assert may(action, done(action, journey, rating=3)) == "already"


def test_a_link_and_an_address_may_be_used_in_bursts_and_then_slowly(tmp_path: Any) -> None:
    key, now = tmp_path / "key", 0.0
    key.write_bytes(b"k" * 32)
    fixed: dict[str, Any] = {"database_url": "postgresql://x", "master_key_file": key, "session_key_file": key}
    limits = PageLimits(Settings(**fixed, notifier_send_rate=2, notifier_read_rate=1), clock=lambda: now)
    assert sum(limits.send("192.0.2.1", "a") == 0 for _ in range(30)) == 20
    assert sum(limits.send("192.0.2.1", f"link {n}") == 0 for n in range(30)) == 20  # 40 from one address
    assert limits.send("192.0.2.2", "b") == 0
    assert sum(limits.read("192.0.2.1") == 0 for _ in range(30)) == 10
    now = 10.0
    assert (limits.send("192.0.2.1", "a"), limits.send("192.0.2.1", "a") > 0) == (0.0, True)


def test_every_kind_is_switched_by_a_name_the_policy_knows() -> None:
    assert {policy_name(kind) for kind in KINDS} <= set(NOTICE_KINDS)


def test_settings_refuse_a_lease_shorter_than_an_attempt_and_a_bad_relay(tmp_path: Any) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    fixed: dict[str, Any] = {"database_url": "postgresql://x", "master_key_file": key, "session_key_file": key}
    assert Settings(**fixed).patience == Patience(connect=10, command=30, dot=60)
    with pytest.raises(ValueError, match="NOTIFIER_LEASE_SECONDS must be more than 210"):
        Settings(**fixed, notifier_lease_seconds=200)
    with pytest.raises(ValueError, match="SMTP_URL must look like"):
        Settings(**fixed, smtp_url="http://x")
