"""Lists as CSV that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_TRIGGERS = frozenset("=+-@\t\r\n\0＝＋－＠")
COLUMNS = (
    "reference",
    "state",
    "department",
    "priority",
    "category",
    "channel",
    "received_at",
    "due_at",
    "due_kind",
    "customer_name",
    "title",
    "store",
)


def safe_cell(value: Any) -> str:
    """A cell as text. One that a spreadsheet would take for a formula gets an apostrophe in front (T13)."""
    text = "" if value is None else str(value).replace("\0", "")
    return f"'{text}" if text and text[0] in _TRIGGERS else text


def csv_of(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS, *, head: bool = True, cut: str = ""
) -> bytes:
    """RFC 4180 with a byte-order mark, so that Excel reads Chinese.

    Args:
        head: whether this is the first piece, which begins with the mark and the columns.
        cut: a last line for people, that something is missing.
    """
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    if head:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(row[column]) for column in columns])
    if cut:
        writer.writerow([cut, *("" for _ in columns[1:])])
    return (b"\xef\xbb\xbf" if head else b"") + out.getvalue().encode()
