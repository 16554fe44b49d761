"""What a dead letter keeps of its record, whatever a producer wrote."""

from datetime import UTC, datetime

import pytest

from shared.runtime.dead_letters import moment_of


@pytest.mark.parametrize("milliseconds", [2**62, -(2**62)])
def test_a_record_may_carry_any_time(milliseconds: int) -> None:
    assert moment_of(milliseconds) is None
    assert moment_of(0) == datetime(1970, 1, 1, tzinfo=UTC)
