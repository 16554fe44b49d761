"""The trace context survives every hop, and flags are bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.telemetry import format_traceparent, is_sampled, parse_traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


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
    ],
)
def test_what_is_malformed_starts_no_trace(value):
    assert parse_traceparent(value) is None


def test_a_context_is_written_as_it_was_read():
    header = f"00-{TRACE}-{SPAN}-01"
    context = parse_traceparent(header)
    assert context is not None
    assert format_traceparent(context) == header


@given(st.text(max_size=80))
def test_any_text_is_judged_without_an_error(text):
    parse_traceparent(text)
    is_sampled(text)
