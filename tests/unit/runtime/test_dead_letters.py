"""What a dead letter keeps of its record, whatever a producer wrote."""

from datetime import UTC, datetime

import pytest

from shared.runtime.dead_letters import _moment


@pytest.mark.parametrize("milliseconds", [2**62, -(2**62)])
def test_a_record_may_carry_any_time(milliseconds: int) -> None:
    assert _moment(milliseconds) is None
    assert _moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
