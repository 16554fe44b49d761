"""Where reading begins: the database decides, and a log that is not the one that was read is read anew (ADR 12)."""

import pytest

from shared.runtime.positions import Start, Stored, start_of

AT_10 = Stored(10, 1_234)


@pytest.mark.parametrize(
    ("stored", "committed", "first", "end", "found", "known", "start"),
    [
        (None, None, 0, 5, None, False, Start(None)),
        (None, 3, 0, 5, None, True, Start(None)),
        (None, 3, 0, 5, None, False, Start(0, "database_is_new")),
        (AT_10, 10, 0, 20, 1_234, True, Start(10)),
        (AT_10, 8, 0, 20, 1_234, True, Start(10)),
        (AT_10, None, 0, 20, 1_234, True, Start(10)),
        (AT_10, 15, 0, 20, 1_234, True, Start(10, "database_is_behind")),
        (AT_10, 10, 0, 9, None, True, Start(0, "log_ends_before")),
        (AT_10, 10, 0, 20, 9_999, True, Start(0, "log_was_replaced")),
        (AT_10, 10, 0, 20, None, True, Start(10)),
        (Stored(10, -1), 10, 0, 20, 9_999, True, Start(10)),
        (AT_10, 10, 12, 20, None, True, Start(12, "records_were_deleted")),
    ],
)
def test_where_reading_begins(stored, committed, first, end, found, known, start) -> None:
    assert start_of(stored, committed, first, end, found, known=known) == start


@pytest.mark.parametrize("known", [True, False])
def test_a_partition_that_a_restored_database_has_never_read_is_read_from_its_first_record(known) -> None:
    """Others have positions; this one got its first record after the backup, and Kafka has its offset all the same."""
    assert start_of(None, 3, 0, 5, None, known=known, kept=True) == Start(0, "database_is_behind")
    assert start_of(None, None, 0, 5, None, known=known, kept=True) == Start(None)
