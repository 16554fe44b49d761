"""The trace context survives every hop, and flags are bits."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.dead_letters import DeadLetter
from shared.runtime.decode import decode
from shared.runtime.errors import Permanent, Reason
from shared.runtime.kafka import cloud_event_headers
from shared.runtime.telemetry import format_traceparent, is_sampled, parse_traceparent, valid_traceparent
from tests.support.probe import submitted

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
WANTED = frozenset({"complaint.submitted.v1"})


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_sampled_is_a_bit(flags, sampled):
    assert is_sampled(f"00-{TRACE}-{SPAN}-{flags}") is sampled


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00_{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-00" + "x" * 5_000_000,
        f"01-{TRACE}-{SPAN}-01x",
        f"00-{TRACE.upper()}-{SPAN}-01",
        "\x00" * 55,
    ],
)
def test_what_is_malformed_starts_no_trace(value):
    assert parse_traceparent(value) is None
    assert valid_traceparent(value) is None


def test_what_a_later_version_appends_is_cut_off():
    assert valid_traceparent(f"01-{TRACE}-{SPAN}-01-" + "x" * 5_000_000) == f"01-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_no_context_longer_than_the_standard_goes_on_from_a_record_or_into_one(flags: str):
    long = f"00-{TRACE}-{SPAN}-{flags}" + "-x" * 100_000
    fed = decode(_submitted(long), WANTED)
    assert fed.event is not None and fed.traceparent is None
    assert decode(_submitted(long[:55]), WANTED).traceparent == long[:55]
    assert valid_traceparent(DeadLetter(_submitted(long), Permanent(Reason.BAD_JSON, "")).header("traceparent")) is None
    names = [name for name, _ in cloud_event_headers("s", uuid4(), "k", b"", datetime.now(UTC), long)]
    assert "traceparent" not in names  # rows that an older version left in the outbox


def _submitted(traceparent: str) -> ConsumerRecord[Any, Any]:
    event = submitted(1)
    key, value = str(event.complaint_id).encode(), event.model_dump_json().encode()
    headers = (("ce_type", event.kind.encode()), ("traceparent", traceparent.encode()))
    return ConsumerRecord("complaints.intake", 0, 0, 0, 0, key, value, None, len(key), len(value), headers)


def test_a_context_is_written_as_it_was_read():
    header = f"00-{TRACE}-{SPAN}-01"
    context = parse_traceparent(header)
    assert context is not None
    assert format_traceparent(context) == header


@given(st.text(max_size=80))
def test_any_text_is_judged_without_an_error(text):
    parse_traceparent(text)
    valid_traceparent(text)
    is_sampled(text)
