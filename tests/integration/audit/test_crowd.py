"""The auditor judges a crowd within bounded memory, and sees what only shows across complaints."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.audit import passes
from deploy.audit.auditor import Places, audit
from deploy.audit.client_log import Answer
from deploy.audit.report import Report
from deploy.stack.mail.server import MailCatcher
from shared.events.ids import new_id
from shared.runtime.kafka import make_producer
from tests.support.crowd import Member, fill, publish
from tests.support.stack import Database, DatabaseFactory, recreate_topics, run

ALL = ("intake", "router", "sla", "notifier")
_MEASURE = """
import asyncio, json, resource, sys
from deploy.audit import passes
from deploy.audit.auditor import Places, audit
passes.COMPLAINTS = 250
report = asyncio.run(audit(Places(postgres=sys.argv[1], kafka=sys.argv[2]), wait=0))
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"mib": most, **report.as_json()}))
"""


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> Database:
    return fresh_database(*ALL)


@pytest.fixture
async def producer(fresh_topics: str) -> AsyncIterator[Any]:
    made = make_producer(fresh_topics, "forger")
    await made.start()
    yield made
    await made.stop()


def event(member: Member, place: int, **changes: Any) -> tuple[str, str, dict[str, Any]]:
    """One of a member's events, changed."""
    topic, kind, _, told = list(member.events())[place]
    return topic, kind, {**told, **changes}


async def report_of(database: Database, bootstrap: str, **places: Any) -> Report:
    return await audit(Places(postgres=database.url, kafka=bootstrap, **places), wait=0)


@pytest.mark.parametrize("at_once", [3, 2_000])
async def test_a_healthy_crowd_breaks_nothing_however_it_is_divided(
    database: Database, fresh_topics: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "COMPLAINTS", at_once)
    await fill(database.url, fresh_topics, 40)
    report = await report_of(database, fresh_topics)
    assert report.violations == ()
    looked_at = {
        "I1": 40,
        "I2": 40,
        "I3": 80,
        "I4": 400,
        "I5": 400,
        "I6": 40,
        "I8": 80,
        "I9": 80,
        "I15": 40,
        "I19": 400,
    }
    assert {name: report.checked[name] for name in looked_at} == looked_at


@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_crowd(database: Database, fresh_topics: str) -> None:
    run(fill(database.url, fresh_topics, 1_000))
    few = measured(database, fresh_topics)
    run(fill(database.url, fresh_topics, 4_000, first=1_001))
    many = measured(database, fresh_topics)
    assert (few["violations"], many["violations"]) == ([], [])
    assert (few["checked"]["I4"], many["checked"]["I4"]) == (10_000, 40_000)
    # Holding every row and record took 18 KB per complaint: 54 MiB more.
    assert many["mib"] - few["mib"] < 15


def measured(database: Database, bootstrap: str) -> dict[str, Any]:
    """The report of an audit in a process of its own, and what it needed."""
    command = [sys.executable, "-c", _MEASURE, database.url, bootstrap]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


async def test_a_server_that_ends_idle_transactions_does_not_end_the_audit(
    database: Database, fresh_topics: str
) -> None:
    await fill(database.url, fresh_topics, 40)
    database.execute(f"ALTER DATABASE {database.name} SET idle_in_transaction_session_timeout = '50ms'")
    assert (await report_of(database, fresh_topics)).violations == ()


async def test_what_two_complaints_share_is_found_though_they_are_judged_apart(
    database: Database, fresh_topics: str, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "COMPLAINTS", 3)
    crowd = await fill(database.url, fresh_topics, 40)
    near, far = crowd[1], crowd[37]
    fresh = {"event_id": str(new_id()), "version": 9}
    await publish(
        producer,
        [
            # The link of another complaint, the notice of another complaint, an event id with two contents.
            event(near, 0, event_id=str(new_id()), version=2, progress_token_hash=far.token_hash),
            event(near, 3, event_id=str(new_id()), version=3, notice_id=str(far.drawn("notice 3"))),
            event(near, 4, event_id=str(far.drawn("event 4")), version=6),
            # Caused by an event of another complaint, yet in a trace of its own.
            event(near, 9, **fresh, cause={"kind": "event", "id": str(far.drawn("event 8")), "actor": "policy"}),
        ],
    )
    report = await report_of(database, fresh_topics)
    said = {(v.invariant, v.what) for v in report.violations}
    assert ("I15", "its progress link opens another complaint too") in said
    assert ("I9", "the acknowledgement notice was told as sent twice") in said
    assert ("I5", f"complaint.accepted.v1 {far.drawn('event 4')} was told with two contents") in said
    assert ("I19", "clock.stopped.v1 is in another trace than complaint.closed.v1") in said


async def test_answers_are_compared_with_complaints_wherever_those_are_judged(
    database: Database, fresh_topics: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "COMPLAINTS", 3)
    crowd = await fill(database.url, fresh_topics, 20)
    name = database.fetch("SELECT name FROM intake.client WHERE client_id = 1")[0]["name"]
    given = [
        Answer(client=name, key=m.drawn("key"), status=201, complaint_id=m.complaint_id, reference=m.reference)
        for m in crowd
    ]
    log = tmp_path / "answers.jsonl"
    log.write_text("".join(answer.line() for answer in given))
    report = await report_of(database, fresh_topics, client_logs=[log])
    assert report.violations == ()
    assert report.checked["I1"] == 40
    lost = Answer(client=name, key=new_id(), status=201, complaint_id=new_id(), reference="R-0")
    two = Answer(
        client=name, key=given[0].key, status=201, complaint_id=given[-1].complaint_id, reference=given[-1].reference
    )
    log.write_text("".join(answer.line() for answer in [*given, lost, two]))
    report = await report_of(database, fresh_topics, client_logs=[log])
    said = sorted(v.what for v in report.violations if v.invariant == "I1")
    assert len(said) == 2
    assert "no such complaint exists" in said[0]
    assert "several complaints" in said[1]


async def test_mails_are_compared_with_the_ledger_of_every_complaint(
    database: Database, fresh_topics: str, mail_catcher: MailCatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "COMPLAINTS", 3)
    crowd = await fill(database.url, fresh_topics, 10)
    mails = [m.message_id(place) for m in crowd for place in (3, 6)]
    _send(mail_catcher, [*mails, "<other@elsewhere.example>"])
    report = await report_of(database, fresh_topics, mail=mail_catcher.web_url)
    assert report.violations == ()
    assert report.checked["I9"] == 20 + 21
    _send(mail_catcher, [mails[7], "<strange@crowd.example>"])
    report = await report_of(database, fresh_topics, mail=mail_catcher.web_url)
    assert sorted(v.what for v in report.violations if v.invariant == "I9") == [
        f"2 copies of {mails[7]} arrived, 1 allowed",
        "<strange@crowd.example> arrived, the ledger does not know it",
    ]


async def test_what_the_inbox_has_forgotten_is_not_missed_and_what_it_should_know_is(
    database: Database, fresh_topics: str
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    crowd = await fill(database.url, fresh_topics, 10, began)
    database.execute("DELETE FROM sla.inbox")
    report = await report_of(database, fresh_topics)
    assert {v.invariant for v in report.violations} == {"I4"}
    database.execute("UPDATE sla.inbox_floor SET event_id = $1", new_id())
    report = await report_of(database, fresh_topics)
    assert report.violations == (), crowd[0].complaint_id


async def test_a_topic_that_was_deleted_and_filled_again_as_far_as_possible_has_no_gaps_to_be_blamed_for(
    database: Database, fresh_topics: str, producer: Any
) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    crowd = await fill(database.url, fresh_topics, 10, began)
    await recreate_topics(fresh_topics)
    now = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    await publish(producer, [event(m, place, occurred_at=now) for m in crowd for place in (8, 9)])
    missed = await report_of(database, fresh_topics)
    assert {v.invariant for v in missed.violations} >= {"I4"}
    for service, topic in (("intake", "intake"), ("router", "routing"), ("sla", "sla"), ("notifier", "notices")):
        database.execute(
            f"INSERT INTO {service}.relay_partition (topic, partition, acked, truncations) VALUES ($1, 0, 1, 1)",
            f"complaints.{topic}",
        )
    report = await report_of(database, fresh_topics)
    assert report.violations == ()
    assert any("gaps there are not judged" in note for note in report.notes)


async def test_words_and_addresses_are_searched_in_every_part(
    database: Database, fresh_topics: str, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "COMPLAINTS", 3)
    crowd = await fill(database.url, fresh_topics, 12)
    await publish(
        producer,
        [
            event(crowd[2], 4, event_id=str(new_id()), version=6, department=f"Customer number {crowd[2].number}"),
            event(
                crowd[9], 4, event_id=str(new_id()), version=6, department=f"customer-{crowd[0].number}@crowd.example"
            ),
        ],
    )
    report = await report_of(database, fresh_topics)
    assert {(v.complaint_id, v.what.partition(" stands")[0]) for v in report.violations if v.invariant == "I17"} == {
        (crowd[2].complaint_id, "the customer's name"),
        (crowd[9].complaint_id, "a customer's address or phone number"),
    }


def _send(catcher: MailCatcher, message_ids: list[str]) -> None:
    import smtplib

    host, _, port = catcher.smtp_url.removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as client:
        for message_id in message_ids:
            text = (
                f"Message-ID: {message_id}\r\nTo: a@crowd.example\r\nSubject: s\r\n\r\nhello \u2028 line\r\n".encode()
            )
            client.sendmail("us@crowd.example", ["a@crowd.example"], text)
