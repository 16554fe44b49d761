"""The auditor reads real tables, topics and a real mailbox: the columns and headers are those the services write."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from deploy.audit.auditor import Places, audit
from deploy.audit.clear_text import ClearText
from deploy.audit.read_outside import mail_of, search_logs, search_traces
from deploy.audit.read_tables import FIRST, LAST
from deploy.audit.read_topics import Topics, digest_of, poison_of, read_topics, told_of
from deploy.audit.spool import Spool
from deploy.docs.golden import sample
from deploy.stack.errors import StackError
from deploy.where.lookup import look_up
from shared.events.topics import EVENT_TYPES, TOPIC_OF
from shared.runtime.kafka import cloud_event_headers, make_producer
from tests.support.stack import Database, DatabaseFactory

ALL = ("intake", "router", "sla", "notifier")


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> Iterator[Database]:
    yield fresh_database(*ALL)


def places(database: Database, bootstrap: str, **more: object) -> Places:
    return Places(postgres=database.url, kafka=bootstrap, **more)  # type: ignore[arg-type]


NOBODY = UUID(int=1)


async def publish(
    bootstrap: str, topic: str, kind: str, value: bytes | None, key_id: UUID = NOBODY, **headers: bytes
) -> None:
    producer = make_producer(bootstrap, "test")
    await producer.start()
    try:
        key = str(key_id).encode()
        own = cloud_event_headers("/test", UUID(int=2), kind, key, datetime.now(UTC), None)
        await producer.send_and_wait(topic, value=value, key=key, headers=[*own, *headers.items()])
    finally:
        await producer.stop()


async def test_empty_tables_and_topics_break_nothing(database: Database, fresh_topics: str) -> None:
    report = await audit(places(database, fresh_topics), wait=0)
    assert report.violations == ()


async def test_every_event_of_the_contract_is_read_as_an_event(fresh_topics: str) -> None:
    wanted = [sample(model, full=full) for model in EVENT_TYPES.values() for full in (True, False)]
    for event in wanted:
        topic = TOPIC_OF[type(event)].name
        await publish(fresh_topics, topic, event.kind, event.model_dump_json().encode(), event.complaint_id)
    with closing(Spool()) as spool:
        await read_topics(fresh_topics, ClearText(), spool, topics := Topics())
        records = [record for _, _, record in spool.records(FIRST, LAST)]
    told = [record for record in map(told_of, records) if record is not None]
    assert sorted(record.type for record in told) == sorted(event.kind for event in wanted)
    assert topics.poison == []
    assert [poison for poison in map(poison_of, records) if poison is not None] == []
    assert all("s1." not in str(record.data) for record in told)


async def test_poison_is_seen_with_its_readers_and_missed_in_the_dead_letters(
    database: Database, fresh_topics: str
) -> None:
    await publish(fresh_topics, "complaints.intake", "complaint.submitted.v1", b"{no json")
    report = await audit(places(database, fresh_topics), wait=0)
    assert {v.invariant for v in report.violations} == {"I11"}
    said = sorted(v.what for v in report.violations)
    assert [what.partition(" for ")[2] for what in said] == [
        "notifier (bad_json) is in no dead-letter table",
        "router (bad_json) is in no dead-letter table",
    ]


async def test_a_record_that_names_no_complaint_is_judged_and_searched_too(
    database: Database, fresh_topics: str
) -> None:
    producer = make_producer(fresh_topics, "test")
    await producer.start()
    try:
        for topic in ("complaints.intake", "complaints.dead-letters"):
            headers = [("ce_type", b"complaint.submitted.v1"), ("x-dead-letter-offset", b"odd")]
            await producer.send_and_wait(topic, value=b"loose-marker", key=b"nobody", headers=headers)
    finally:
        await producer.stop()
    report = await audit(places(database, fresh_topics, markers=("loose-marker",)), wait=0)
    assert {v.invariant for v in report.violations} == {"I11", "I17"}
    assert any("on the dead-letter topic, in no table" in v.what for v in report.violations)


async def test_a_stuck_outbox_row_and_a_planted_marker_are_found(database: Database, fresh_topics: str) -> None:
    database.execute(
        """INSERT INTO router.outbox (shard, topic, key, event_id, type, occurred_at, payload)
           VALUES (1, 'complaints.routing', $1, $2, 'complaint.accepted.v1', now() - interval '1 hour', $3)""",
        str(UUID(int=5)).encode(),
        UUID(int=6),
        b'{"version": 1, "text": "gumin@planted.example"}',
    )
    report = await audit(places(database, fresh_topics, markers=("gumin@planted.example",)), wait=0)
    assert {v.invariant for v in report.violations} == {"I4", "I17"}
    assert "gumin" not in str(report.as_json())


async def test_markers_are_searched_in_headers_and_bytes_of_topics(database: Database, fresh_topics: str) -> None:
    await publish(fresh_topics, "complaints.sla", "x", b"\xff marker-in-bytes \xff", odd=b"marker-in-header")
    markers = ("marker-in-bytes", "marker-in-header", "marker-nowhere")
    report = await audit(places(database, fresh_topics, markers=markers), wait=0)
    leaks = sorted(v.what for v in report.violations if v.invariant == "I17")
    assert leaks == [f"planted marker {n} stands in clear in a record of complaints.sla" for n in (1, 2)]


def test_logs_are_searched_and_a_customers_known_address_is_a_leak(tmp_path: Path) -> None:
    (tmp_path / "router.log").write_text('{"message": "x"}\n{"error": "Key (email)=(JANE@example.com)"}\n')
    clear_text = ClearText(contacts=frozenset({b"jane@example.com"}))
    search_logs([tmp_path], clear_text)
    assert [(leak.what, leak.where) for leak in clear_text.leaks] == [
        ("a customer's address or phone number", "the log router.log")
    ]


def test_a_mail_is_read_with_its_links() -> None:
    mail = mail_of(
        {
            "to": "a@example.com",
            "subject": "s",
            "text": "see http://127.0.0.1:8104/c/AbC-123_x now",
            "html": '<a href="http://127.0.0.1:8104/c/AbC-123_x">',
            "headers": {"Message-ID": " <1@redress> "},
        }
    )
    assert (mail.message_id, mail.tokens, mail.recipients) == ("<1@redress>", ("AbC-123_x",), ("a@example.com",))


def test_no_value_and_an_empty_value_have_one_digest() -> None:
    assert digest_of(None) == digest_of(b"")
    assert digest_of(b"x") != digest_of(b"")


async def test_a_place_that_is_away_is_one_clear_line(database: Database) -> None:
    with pytest.raises(StackError, match=r"Kafka at 127\.0\.0\.1:9 does not answer"):
        await audit(places(database, "127.0.0.1:9"), wait=0)
    with pytest.raises(StackError, match="Postgres does not answer"):
        await audit(Places(postgres="postgresql://nobody:x@127.0.0.1:9/none", kafka="127.0.0.1:9"), wait=0)


@pytest.mark.parametrize("text", ["R-4K7M-2XA9", "not a reference", "0193", "R 4K7M 2XAX"])
async def test_where_says_that_a_reference_is_unknown_or_none(database: Database, text: str) -> None:
    with pytest.raises(StackError, match=r"no complaint|no reference"):
        await look_up(database.url, text)


class _Failing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status": 500, "message": "java.lang.OutOfMemoryError"}'
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


async def test_traces_that_cannot_be_read_are_not_taken_for_clean_ones() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    nothing = ClearText()
    try:
        with pytest.raises(StackError, match="I17 cannot be checked"):
            await search_traces(f"http://127.0.0.1:{server.server_port}/zipkin/", nothing)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(StackError, match="I17 cannot be checked"):
        await search_traces("http://127.0.0.1:9/zipkin/", nothing)
