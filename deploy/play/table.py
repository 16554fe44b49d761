"""Opening a file of complaints: its encoding, whether it is JSON or a table, and by what the columns are separated.

Python's own `csv` reads the tables, in strict mode: a quote that is never closed would otherwise swallow every line
behind it, and four people's words would be filed as one complaint.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from deploy.stack.errors import StackError

DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars (|)"}
LONGEST_FIELD = 1_000_000
"""Characters. No published narrative is a tenth of it; a quote in the wrong place reaches it sooner or later."""
_HEAD = 64 * 1024
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HELP = "See `redress play --help` for the shapes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file from its beginning.

    Attributes:
        delimiter: of a table; None: JSON Lines.
    """

    path: Path
    stream: TextIO
    delimiter: str | None


def open_text(path: Path) -> Opened:
    """Open a file, plain or gzip, in UTF-8 or UTF-16, and find out what it holds.

    Raises:
        StackError: it cannot be opened, is empty, is one JSON array, or has no shape that is known.
    """
    try:
        raw = cast(BinaryIO, gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))  # noqa: SIM115
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror or error}", "Name a readable file") from None
    try:
        head = raw.read(_HEAD)
        raw.seek(0)
        encoding = "utf-16" if head.startswith(_UTF_16) else "utf-8-sig"
        stream = io.TextIOWrapper(cast("io.BufferedReader", raw), encoding, newline="")
        return Opened(path=path, stream=stream, delimiter=_delimiter(path, _text(head, encoding)))
    except (OSError, EOFError, UnicodeError) as error:
        raw.close()
        raise unreadable(path, error) from None
    except StackError:
        raw.close()
        raise


def unreadable(path: Path, error: Exception) -> StackError:
    """What to say of a file whose bytes make no text or no table. Its content is never repeated."""
    said = error.reason if isinstance(error, UnicodeDecodeError) else error
    return StackError(
        f"{path} cannot be read: {said}",
        "Give it as UTF-8 or UTF-16 text, plain or .gz (spreadsheets: save as “CSV UTF-8”)",
    )


def rows(opened: Opened, needed: str) -> Iterator[tuple[int, dict[str, str] | None]]:
    """The rows of a table: the line each begins in, and its fields by the header's names in lower case.

    A row with another number of fields than the header is None.

    Raises:
        StackError: the header lacks the needed column or has one twice, a quote is wrong or never closed, no row follows.
    """
    assert opened.delimiter is not None
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(opened.stream, delimiter=opened.delimiter, strict=True)
    begins = 1
    try:
        names = [name.strip().lower() for name in next(reader)]
        _check_header(opened, names, needed)
        found = False
        begins = reader.line_num + 1
        for fields in reader:
            number, begins = begins, reader.line_num + 1
            if not fields:
                continue  # a blank line
            found = True
            yield number, dict(zip(names, fields, strict=True)) if len(fields) == len(names) else None
    except csv.Error as error:
        raise _wrong_quote(opened, begins, reader.line_num, error) from None
    if not found:
        raise StackError(f"{opened.path} has a header and no row below it", "Give a file with at least one complaint")


def _check_header(opened: Opened, names: list[str], needed: str) -> None:
    if needed.lower() not in names:
        by = NAMES[opened.delimiter or ","]
        raise StackError(
            f"{opened.path} line 1: no column {needed!r} among the {len(names)} that {by} separate",
            f"Name the column with the complaint's words {needed!r}, or give JSON Lines ({_HELP})",
        )
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise StackError(f"{opened.path} line 1: two columns are called {twice!r}", "Rename one of them")


def _wrong_quote(opened: Opened, begins: int, reached: int, error: csv.Error) -> StackError:
    where = f"{opened.path} line {begins}" if begins >= reached else f"{opened.path} lines {begins}-{reached}"
    return StackError(
        f"{where}: {_reason(error)}; nothing from there on was read",
        'Close the quote, and write a quote inside a field twice: "He said ""no"""',
    )


def _reason(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said or "field larger" in said:
        return 'a field that begins with a quote (") is never closed'
    if "expected after" in said:
        return 'something stands between a closing quote (") and the next column'
    return said


def _text(head: bytes, encoding: str) -> str:
    """The beginning of a file as text; a character that is cut at its end is left out."""
    return codecs.getincrementaldecoder(encoding)().decode(head)


def _delimiter(path: Path, head: str) -> str | None:
    """By what the columns of the header are separated; None where the file is JSON."""
    begin = head.lstrip()
    if not begin:
        raise StackError(f"{path} is empty", "Give a file with at least one complaint")
    if begin.startswith("["):
        raise StackError(
            f"{path} is one JSON array" if _is_json(begin) else f"{path} begins like a JSON array",
            "Give JSON Lines, one object a line: `jq -c '.[]' FILE`",
        )
    if begin.startswith("{"):
        return None
    line = begin.splitlines()[0]
    counts = {delimiter: _columns(line, delimiter) for delimiter in DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    if counts[best] < 2:
        return _alone(path, line)
    return best


def _alone(path: Path, line: str) -> str:
    """A header of one column is a table too, if it is the one we need; then no delimiter is missed."""
    if line.strip().strip('"').lower() == "consumer complaint narrative":
        return ","
    raise StackError(f"{path} is neither JSON Lines nor a CSV with a column for the complaint's words", _HELP)


def _columns(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter, strict=True), []))
    except csv.Error:
        return 0


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
