"""Any process may be killed at its worst moment and the system ends in the same state (fault matrix rows 1-11, 17; I12).

Row 11 (webhooks out) has no subject yet: e-mail is the only channel to customers.
"""

import contextlib
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.audited import violations
from tests.support.world import World, wait_for

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

TEXT = "The parcel was promised for Monday and has still not arrived."


@pytest.fixture(autouse=True)
def everything_runs(redress: World) -> None:
    """A test that failed must not take the next ones along."""
    redress.revive()


def _count(redress: World, key: str) -> int:
    rows = redress.database.fetch(
        "SELECT count(*) FROM intake.complaint c JOIN intake.idempotency i USING (complaint_id) WHERE i.key = $1",
        uuid.UUID(key),
    )
    return int(rows[0][0])


def _address() -> str:
    return f"{uuid.uuid4().hex[:10]}@example.com"


def _acknowledged(redress: World, to: str, reference: str) -> list[dict]:
    wait_for(lambda: redress.mails(to), f"acknowledgement of {reference}", 60)
    return redress.mails(to)


@pytest.mark.parametrize(
    ("point", "rows_before_retry"), [("CP.intake.before_commit", 0), ("CP.intake.committed_before_answer", 1)]
)
def test_intake_killed_around_its_commit_keeps_one_complaint_per_key(redress: World, point, rows_before_retry):
    """Rows 1 and 2."""
    key, to = str(uuid.uuid4()), _address()
    redress.restart("intake", crash_at=point)
    with pytest.raises(httpx.TransportError):
        redress.file(TEXT, key=key, customer={"email": to})
    redress.wait_crash("intake")
    assert _count(redress, key) == rows_before_retry
    redress.launch("intake")
    redress.wait_ready("intake")
    first = redress.file(TEXT, key=key, customer={"email": to})
    again = redress.file(TEXT, key=key, customer={"email": to})
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert _count(redress, key) == 1
    assert len(_acknowledged(redress, to, first.json()["reference"])) == 1


@pytest.mark.parametrize("point", ["CP.intake.relay_acked_before_noted", "CP.intake.relay_mid_batch"])
def test_intake_killed_while_publishing_publishes_the_rest_and_nothing_is_applied_twice(redress: World, point):
    """Rows 3 and 4."""
    redress.restart("intake", crash_at=point)
    batch = [_address() for _ in range(20)]
    entries = [
        {
            "idempotency_key": str(uuid.uuid4()),
            "channel": "store",
            "language": "en",
            "text": f"{TEXT} ({n})",
            "customer": {"email": to},
        }
        for n, to in enumerate(batch)
    ]

    def send() -> httpx.Response:
        return redress.http.post(
            f"{redress.url('intake')}/v1/complaints:batch",
            json={"complaints": entries},
            headers={"Authorization": f"Bearer {redress.keys['store']}"},
        )

    with contextlib.suppress(httpx.TransportError):  # the relay may be killed before the answer is out
        send()
    redress.wait_crash("intake")
    redress.launch("intake")
    redress.wait_ready("intake")
    answer = send()
    assert [r["status"] for r in answer.json()["results"]] == [201] * 20
    for result, to in zip(answer.json()["results"], batch, strict=True):
        assert len(_acknowledged(redress, to, result["complaint"]["reference"])) == 1


@pytest.mark.parametrize("point", ["CP.router.inside_transaction", "CP.router.committed_before_offsets"])
def test_router_killed_inside_or_after_its_transaction_assigns_once(redress: World, point):
    """Rows 5 and 6."""
    to = _address()
    redress.restart("router", crash_at=point)
    told = redress.file(TEXT, category="delivery", customer={"email": to}).json()
    redress.wait_crash("router")
    redress.launch("router")
    redress.wait_ready("router")
    case = redress.case_when(told["reference"], lambda c: c["clocks"], "has an owner and clocks")
    assert case["department"] == "delivery"
    assert case["epoch"] == 1
    assert len(_acknowledged(redress, to, told["reference"])) == 1


@pytest.mark.parametrize("point", ["CP.sla.fired_before_commit", "CP.sla.committed_before_relay"])
def test_sla_killed_around_a_firing_fires_once(redress: World, point):
    """Rows 7 and 8."""
    redress.restart("sla", crash_at=point)
    received = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    told = redress.file(TEXT, channel="store", category="delivery", received_at=received).json()
    redress.wait_crash("sla")
    redress.launch("sla")
    redress.wait_ready("sla")

    def fired():
        return redress.database.fetch(
            "SELECT clock AS kind, level, epoch, count(*) AS times FROM sla.fired WHERE complaint_id = $1 GROUP BY 1, 2, 3",
            uuid.UUID(told["complaint_id"]),
        )

    rows = wait_for(lambda: [r for r in fired() if r["kind"] == "journey"], "the journey's deadlines fire", 60)
    assert all(r["times"] == 1 for r in rows)
    redress.case_when(told["reference"], lambda c: c["attention"] or c["escalated_to"], "the desk hears of the breach")


def test_notifier_killed_after_its_lease_sends_once(redress: World):
    """Row 9."""
    to = _address()
    redress.restart("notifier", crash_at="CP.notifier.leased_before_connect")
    told = redress.file(TEXT, customer={"email": to}).json()
    redress.wait_crash("notifier")
    redress.launch("notifier")
    assert len(_acknowledged(redress, to, told["reference"])) == 1
    unknown = redress.database.fetch(
        "SELECT 1 FROM notifier.notice WHERE complaint_id = $1 AND state = 'unknown'", uuid.UUID(told["complaint_id"])
    )
    assert not unknown


def test_notifier_killed_after_the_server_accepted_sends_at_most_once_more_with_the_same_id(redress: World):
    """Row 10."""
    to = _address()
    redress.restart("notifier", crash_at="CP.notifier.accepted_before_sent")
    told = redress.file(TEXT, customer={"email": to}).json()
    redress.wait_crash("notifier")
    assert len(redress.mails(to)) == 1
    redress.launch("notifier")
    wait_for(lambda: len(redress.mails(to)) == 2, f"one more message about {told['reference']}", 60)
    assert len({m["headers"]["Message-ID"] for m in redress.mails(to)}) == 1
    counted = wait_for(lambda: redress.http.get(f"{redress.ops('notifier')}/metrics").text, "metrics", 10)
    lines = [line for line in counted.splitlines() if line.startswith("redress_notification_unknown_total")]
    assert lines and float(lines[0].split()[-1]) >= 1


def test_a_restarted_broker_stops_nothing_for_long(redress: World):
    """Rows 17 to 19: intake accepts meanwhile, everything drains afterwards."""
    to = [_address() for _ in range(5)]
    redress.file(TEXT, customer={"email": to[0]})
    redress.broker.kill()
    accepted = [redress.file(TEXT, customer={"email": who}) for who in to[1:]]
    assert [a.status_code for a in accepted] == [201] * 4
    began = time.monotonic()
    redress.broker.start()
    for who, answer in zip(to[1:], accepted, strict=True):
        assert len(_acknowledged(redress, who, answer.json()["reference"])) == 1
    assert time.monotonic() - began < 60


def test_after_all_of_it_the_auditor_finds_nothing(redress: World):
    """I1 to I11 over everything the tests above did to this system."""
    assert violations(redress, wait=60) == []
