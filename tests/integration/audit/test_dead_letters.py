"""Operators see every dead letter with its bytes and send it again as it was, with a note of who did it."""

import json
from collections.abc import AsyncIterator
from io import StringIO
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr
from rich.console import Console

from deploy.database import Connection, operator_connection
from deploy.dead_letters.replay import replay
from deploy.dead_letters.show import letter_as_json, page_of, table_of
from deploy.dead_letters.store import Address, Filter, list_letters, read_letter
from deploy.endpoints import Endpoints
from deploy.stack.errors import StackError
from shared.events.ids import new_id
from shared.runtime.kafka import pack_headers
from shared.runtime.migrate import migrate
from shared.runtime.outbox import shard_of
from tests.support.stack import Database, DatabaseFactory, run

EVENT = UUID(int=0x0193_0000_0000_7000_8000_000000000009)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HERE = Endpoints(
    intake="", router="", sla="", notifier="", traces="http://127.0.0.1:8106/zipkin/", kafka="", postgres=SecretStr("")
)
SERVICES = ("intake", "router", "sla", "notifier")


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> Database:
    database = fresh_database()
    for service in SERVICES:
        run(migrate(database.url, service, ("shared.runtime",)))
    return database


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with operator_connection(database.url) as connection:
        yield connection


async def put(connection: Connection, service: str, offset: int, value: bytes | None, **fields: object) -> Address:
    headers = [
        ("ce_id", str(EVENT).encode()),
        ("ce_type", b"complaint.submitted.v1"),
        ("odd", b"\xff\xfe"),
        ("none", None),
    ]
    row = {"topic": "complaints.intake", "key": b"key", "reason": "bad_schema", **fields}
    number = await connection.fetchval(
        f"""INSERT INTO {service}.dead_letter (consumer, topic, partition, record_offset, key, value, headers, event_id,
                                              event_type, reason, detail, traceparent)
            VALUES ($1, $2, 3, $3, $4, $5, $6, $7, 'complaint.submitted.v1', $8, 'reference: missing', $9)
            RETURNING id""",
        service, row["topic"], offset, row["key"], value, pack_headers(headers), EVENT, row["reason"], TRACE,
    )  # fmt: skip
    return Address(service, number)


async def records(bootstrap: str, topic: str) -> list[object]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[object] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


async def test_letters_of_all_services_are_one_list_that_can_be_filtered(connection: Connection) -> None:
    await put(connection, "router", 1, b"{}")
    await put(connection, "sla", 2, b"{}", reason="bad_json")
    everything, total = await list_letters(connection, Filter())
    assert total == len(everything)
    newest, total = await list_letters(connection, Filter(limit=1))
    assert (len(newest), total) == (1, len(everything))
    assert {row["address"] for row in everything} == {"router/1", "sla/1"}
    assert [row["address"] for row in (await list_letters(connection, Filter(reason="bad_json")))[0]] == ["sla/1"]
    assert [row["address"] for row in (await list_letters(connection, Filter(service="router")))[0]] == ["router/1"]
    console = Console(width=200, record=True, file=StringIO())
    console.print(table_of(everything))
    assert "complaints.intake[3]@1" in console.export_text()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"reference": 7}', '"reference": 7'),
        (b"\xff\x00\x01abc", "ff 00 01 61 62 63"),
        (None, "no value"),
        (b"\x1b[31mred", "\\x1b[31mred"),
    ],
)
async def test_a_letter_is_shown_with_headers_trace_and_readable_bytes(
    connection: Connection, value: bytes | None, shown: str
) -> None:
    letter = await read_letter(connection, await put(connection, "notifier", 1, value))
    console = Console(width=200, record=True, file=StringIO())
    console.print(page_of(letter, HERE))
    text = console.export_text()
    assert shown in text
    assert "hex fffe" in text
    assert "zipkin/traces/0af7651916cd43dd8448eb211c80319c" in text
    assert json.loads(json.dumps(letter_as_json(letter)))["reason"] == "bad_schema"


async def test_a_replay_sends_the_same_record_to_the_original_topic_and_notes_who(
    connection: Connection, fresh_topics: str
) -> None:
    address = await put(connection, "router", 5, b"bytes \xff as they were")
    (outcome,) = await replay(connection, fresh_topics, [address], by="ops")
    assert outcome.sent
    (record,) = await records(fresh_topics, "complaints.intake")
    headers = dict(record.headers)
    assert (record.key, record.value) == (b"key", b"bytes \xff as they were")
    assert headers["ce_id"] == str(EVENT).encode()
    assert (headers["odd"], headers["none"]) == (b"\xff\xfe", None)
    assert UUID(headers["x-replay-id"].decode()).version == 7
    letter = await read_letter(connection, address)
    assert letter.replayed_by == "ops"
    assert letter.replayed_at is not None


async def test_a_letter_goes_where_the_relay_sent_it(connection: Connection, fresh_topics: str) -> None:
    """By the shard of its complaint, not by the client library's hash of the key (B9)."""
    wanted = {}
    for number in range(12):
        complaint = new_id()
        address = await put(connection, "router", 100 + number, b"x", key=str(complaint).encode())
        await replay(connection, fresh_topics, [address], by="ops")
        wanted[str(complaint).encode()] = shard_of(complaint) % 4
    assert {record.key: record.partition for record in await records(fresh_topics, "complaints.intake")} == wanted


async def test_a_letter_without_key_goes_to_the_partition_it_was_on(connection: Connection, fresh_topics: str) -> None:
    address = await put(connection, "router", 5, b"x", key=None)
    await replay(connection, fresh_topics, [address], by="ops")
    (record,) = await records(fresh_topics, "complaints.intake")
    assert (record.partition, record.key, record.value) == (3, None, b"x")


async def test_an_empty_letter_is_left_alone_and_says_why(connection: Connection, fresh_topics: str) -> None:
    address = await put(connection, "router", 5, None, key=None)
    (outcome,) = await replay(connection, fresh_topics, [address], by="ops")
    assert "nothing to send" in (outcome.why_not or "")
    assert await records(fresh_topics, "complaints.intake") == []


async def test_a_dry_run_and_a_second_replay_send_nothing(connection: Connection, fresh_topics: str) -> None:
    address = await put(connection, "router", 5, b"x")
    (dry,) = await replay(connection, fresh_topics, [address], by="ops", dry_run=True)
    assert not dry.sent
    assert (await read_letter(connection, address)).replayed_at is None
    await replay(connection, fresh_topics, [address], by="ops")
    (second,) = await replay(connection, fresh_topics, [address], by="ops")
    assert "replayed by ops before" in (second.why_not or "")
    assert len(await records(fresh_topics, "complaints.intake")) == 1
    (third,) = await replay(connection, fresh_topics, [address], by="ops", again=True)
    assert third.sent


async def test_an_unknown_letter_is_named_in_a_clear_error(connection: Connection) -> None:
    with pytest.raises(StackError, match="no dead letter sla/77"):
        await read_letter(connection, Address("sla", 77))
    with pytest.raises(StackError, match="names no dead letter"):
        Address.read("billing/1")


async def test_a_broker_that_is_away_is_a_clear_error_and_nothing_is_noted(connection: Connection) -> None:
    address = await put(connection, "router", 5, b"x")
    with pytest.raises(StackError, match="does not answer"):
        await replay(connection, "127.0.0.1:9", [address], by="ops")
    assert (await read_letter(connection, address)).replayed_at is None
