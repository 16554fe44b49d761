"""`redress where` names the reason for a complaint that stands still, each told from the others (H10)."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO

import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr
from rich.console import Console

from deploy.endpoints import Endpoints
from deploy.stack.errors import StackError
from deploy.where.lookup import Found, explain, look_up
from deploy.where.show import page_of
from shared.runtime.outbox import shard_of
from tests.support.crowd import Member, fill
from tests.support.probe import until
from tests.support.stack import Database, DatabaseFactory

ALL = ("intake", "router", "sla", "notifier")
NOWHERE = "127.0.0.1:9"
HERE = Endpoints(intake="", router="", sla="", notifier="", kafka="", postgres=SecretStr(""))


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> Database:
    return fresh_database(*ALL)


@pytest.fixture
async def crowd(database: Database, fresh_topics: str) -> list[Member]:
    return await fill(database.url, fresh_topics, 30)


@pytest.fixture
def unready() -> Iterator[str]:
    """A service that says that it is not ready."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"status": "not ready", "checks": {"database": True, "schema": False}}).encode()
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def look(database: Database, member: Member, kafka: str, **services: str) -> Found:
    found = await explain(await look_up(database.url, member.reference), kafka, services)
    said = found.as_json()["waits"]
    assert all(set(one) == {"reason", "what", "do", "since"} and one["what"] and one["do"] for one in said)
    console = Console(width=240, record=True, file=StringIO())
    console.print(page_of(found, HERE))
    text = console.export_text()
    assert all(reason.what in text and reason.do in text for reason in found.waits), text
    return found


def reasons(found: Found) -> list[str]:
    return [one["reason"] for one in found.as_json()["waits"]]


def put_into_outbox(database: Database, member: Member, age: str) -> None:
    database.execute(
        """INSERT INTO intake.outbox (shard, topic, key, event_id, type, occurred_at, payload)
           VALUES ($1, 'complaints.intake', $2, $3, 'complaint.submitted.v1', clock.now() - $4::text::interval, '{}')""",
        shard_of(member.complaint_id), str(member.complaint_id).encode(), member.drawn("waiting"), age,
    )  # fmt: skip


def unrouted(database: Database, member: Member) -> None:
    database.execute("DELETE FROM router.cases WHERE complaint_id = $1", member.complaint_id)
    database.execute("DELETE FROM intake.standing WHERE complaint_id = $1", member.complaint_id)
    database.execute("DELETE FROM sla.journey WHERE complaint_id = $1", member.complaint_id)


@asynccontextmanager
async def reader(bootstrap: str, service: str, **read_up_to: int) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the service's group that has come so far on every partition of `complaints.intake`."""
    consumer = AIOKafkaConsumer(
        "complaints.intake", bootstrap_servers=bootstrap, group_id=f"redress.{service}", enable_auto_commit=False
    )
    await consumer.start()
    try:
        await until(consumer.assignment)
        ends = await consumer.end_offsets(consumer.assignment())
        await consumer.commit({partition: read_up_to.get("offset", end) for partition, end in ends.items()})
        yield consumer
    finally:
        await consumer.stop()


async def test_nothing_holds_up_a_closed_case(database: Database, fresh_topics: str, crowd: list[Member]) -> None:
    assert reasons(await look(database, crowd[0], fresh_topics)) == []


async def test_in_the_outbox_kafka_away_service_away_and_blocked_relay_are_told_apart(
    database: Database, fresh_topics: str, crowd: list[Member], unready: str
) -> None:
    unrouted(database, crowd[0])
    put_into_outbox(database, crowd[0], "5 minutes")
    found = await look(database, crowd[0], NOWHERE)
    assert reasons(found) == ["kafka_away"]
    assert "1 event in the outbox of intake for 5 min" in found.waits[0].what
    assert "relay_blocked" in reasons(await look(database, crowd[0], fresh_topics, intake=unready))
    assert "service_away" in reasons(await look(database, crowd[0], fresh_topics, intake=f"http://{NOWHERE}"))
    unrouted(database, crowd[1])
    put_into_outbox(database, crowd[1], "1 second")
    assert "on_its_way" in reasons(await look(database, crowd[1], fresh_topics))


async def test_on_the_topic_reader_away_behind_waiting_and_past_it_are_told_apart(
    database: Database, fresh_topics: str, crowd: list[Member], unready: str
) -> None:
    last = crowd[-1]
    unrouted(database, last)
    mine = [m for m in crowd if shard_of(m.complaint_id) % 4 == shard_of(last.complaint_id) % 4]
    found = await look(database, last, fresh_topics)
    assert reasons(found) == ["nobody_reads"]
    assert f"{len(mine) - 1} records of complaints.intake[" in found.waits[0].what
    async with reader(fresh_topics, "router", offset=1):
        found = await look(database, last, fresh_topics)
        assert reasons(found) == ["reader_behind"]
        assert f"{len(mine) - 2} records" in found.waits[0].what
        found = await look(database, last, fresh_topics, router=unready)
        assert reasons(found) == ["service_not_ready"]
        assert "router waits (schema)" in found.waits[0].what
    place = ("complaints.intake", shard_of(last.complaint_id) % 4)
    database.execute("INSERT INTO router.reader_position VALUES ('router', $1, $2, 2, 0)", *place)
    async with reader(fresh_topics, "router"):
        assert f"{len(mine) - 3} records" in (await look(database, last, fresh_topics)).waits[0].what, (
            "the database decides"
        )
    database.execute("DELETE FROM router.reader_position")
    async with reader(fresh_topics, "router"):
        assert "passed_over" in reasons(await look(database, last, fresh_topics))


async def test_a_dead_letter_is_named_with_the_command_that_replays_it(
    database: Database, fresh_topics: str, crowd: list[Member]
) -> None:
    unrouted(database, crowd[0])
    database.execute(
        """INSERT INTO router.dead_letter (consumer, topic, partition, record_offset, key, headers, event_type, reason, detail)
           VALUES ('router', 'complaints.intake', 0, 9, $1, '{}', 'complaint.submitted.v1', 'handler_bug', '')""",
        str(crowd[0].complaint_id).encode(),
    )
    async with reader(fresh_topics, "router"):
        found = await look(database, crowd[0], fresh_topics)
    assert reasons(found) == ["dead_letter"]
    assert "redress dead-letters replay router/1" in found.waits[0].do
    assert "handler_bug" in found.waits[0].what


async def test_clocks_that_are_set_aside_and_notices_that_do_not_leave_are_named(
    database: Database, fresh_topics: str, crowd: list[Member]
) -> None:
    one = crowd[0].complaint_id
    database.execute(
        "UPDATE sla.journey SET set_aside_since = clock.now(), set_aside_why = 'KeyError' WHERE complaint_id = $1", one
    )
    assert reasons(await look(database, crowd[0], fresh_topics)) == ["clocks_set_aside"]
    database.execute("UPDATE sla.journey SET set_aside_since = NULL, next_at = clock.now() - interval '5 minutes'")
    assert reasons(await look(database, crowd[0], fresh_topics)) == ["clocks_held"]
    database.execute("UPDATE sla.journey SET next_at = NULL")
    for state, reason, wanted in (
        ("pending", "smtp_450", "notice_unsent"), ("failed", "smtp_550", "notice_failed"),
        ("unknown", "lost_at_dot", "notice_unknown"), ("suppressed", "no_consent", "notice_suppressed"),
    ):  # fmt: skip
        database.execute(
            """UPDATE notifier.notice SET state = $2, reason = $3, attempts = 3,
                      next_at = CASE WHEN $2 = 'pending' THEN clock.now() + interval '4 minutes' END
               WHERE complaint_id = $1 AND kind = 'progress'""",
            one, state, reason,
        )  # fmt: skip
        found = await look(database, crowd[0], fresh_topics)
        assert reasons(found) == [wanted]
        assert reason in found.waits[0].what
        assert state != "pending" or "after 3 tries" in found.waits[0].what


@pytest.mark.parametrize(
    ("state", "reason"),
    [("waiting_for_customer", "customer"), ("resolution_proposed", "customer"), ("assigned", "department")],
)
async def test_who_has_the_ball_is_said_when_nothing_else_holds_it_up(
    database: Database, fresh_topics: str, crowd: list[Member], state: str, reason: str
) -> None:
    database.execute(
        "UPDATE router.cases SET state = $2, closed_how = NULL WHERE complaint_id = $1", crowd[0].complaint_id, state
    )
    assert reasons(await look(database, crowd[0], fresh_topics)) == [reason]


async def test_a_part_of_a_reference_is_enough_when_no_other_has_it(database: Database, crowd: list[Member]) -> None:
    plain = crowd[3].reference.removeprefix("R-").replace("-", "")
    parts = {plain[start : start + 5] for start in range(4)}
    unique = [p for p in parts if sum(p in m.reference.replace("-", "") for m in crowd) == 1]
    assert unique
    for part in (*unique, f"r-{plain[:4]}-{plain[4:6]}".lower()):
        assert (await look_up(database.url, part)).case["complaint_id"] == crowd[3].complaint_id
    database.execute("UPDATE intake.complaint SET reference = 'R-AAAA-AAA' || (right(reference, 1)) WHERE reference = ANY ($1::text[])",
                     [crowd[0].reference])  # fmt: skip
    database.execute("UPDATE intake.complaint SET reference = 'R-AAAA-AAC2' WHERE reference = $1", crowd[1].reference)
    with pytest.raises(StackError, match=r"several references: .*R-AAAA-AA"):
        await look_up(database.url, "AAAA")
    with pytest.raises(StackError, match="no complaint with 'YYYYYY'"):
        await look_up(database.url, "YYYYYY")
