"""Files of complaints, read line by line into what a channel posts.

Four shapes are known, told apart by what stands in them, not by the file's name:

* issue-shaped JSON Lines: each line is the body of `POST /v1/complaints` (fields it does not know are refused there);
* our own examples: such a body plus `id`, `pack`, `expect_department` …, `received_offset` becomes `received_at`;
* label sets such as `cfpb8`: `lang`, `text`, `channel`, maybe `title`, `created_at`;
* the CSV that the US consumer bureau (CFPB) publishes: `Consumer complaint narrative`, `Product`, `Issue` …, separated
  by comma, semicolon, tab or `|` (`deploy/play/table.py`).

A line's idempotency key is derived from its content, so playing a file again files nothing new.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError

from deploy.play import table
from deploy.play.examples import OWN_FIELDS, read_example

NAMESPACE = UUID("6a3f0a4e-52ab-5c0e-9d5c-0c0f5d6f7c01")
LONGEST_TEXT = 10_000
"""Characters that one body may hold; what is longer follows as amendments, so that nothing is cut off."""
NARRATIVE = "Consumer complaint narrative"
CHANNELS = ("web", "phone", "store")
_CHANNEL_OF = {"web": "web", "web referral": "web", "phone": "phone", "store": "store", "referral": "phone"}
CATEGORY_OF_PRODUCT: Mapping[str, str] = {
    "bank account or service": "bank_accounts",
    "checking or savings account": "bank_accounts",
    "consumer loan": "consumer_loans",
    "credit card": "cards",
    "credit card or prepaid card": "cards",
    "credit reporting": "credit_reporting",
    "credit reporting or other personal consumer reports": "credit_reporting",
    "credit reporting, credit repair services, or other personal consumer reports": "credit_reporting",
    "debt collection": "debt_collection",
    "debt or credit management": "debt_collection",
    "money transfer, virtual currency, or money service": "money_transfers",
    "money transfers": "money_transfers",
    "mortgage": "mortgage",
    "payday loan": "consumer_loans",
    "payday loan, title loan, or personal loan": "consumer_loans",
    "payday loan, title loan, personal loan, or advance loan": "consumer_loans",
    "prepaid card": "cards",
    "student loan": "student_loans",
    "vehicle loan or lease": "consumer_loans",
}
"""What the consumer chose in the bureau's form, as a category of the bank pack (yearly product lists 2011-2025)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One complaint to post.

    Attributes:
        line: line of the file it begins in, from 1.
        key: idempotency key.
        rest: what the body has no room for, to be added as amendments, in order.
    """

    line: int
    key: UUID
    body: dict[str, Any]
    rest: tuple[str, ...] = ()

    @property
    def channel(self) -> str:
        """The channel it is filed through."""
        return str(self.body["channel"])


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be played, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be understood.

    Attributes:
        pack: part of the key, so that one file can be played into two packs.
        channel: play every line through this channel, whatever it says.
        anchor: what "now" means for lines that say how long ago they were received.
        contact: give published narratives, whose senders are masked, an invented address, so that notices can be seen.
        dates: keep the published dates as time of receipt; deadlines then lie in the past.
    """

    pack: str
    anchor: datetime
    channel: str | None = None
    contact: bool = True
    dates: bool = False
    seen: dict[UUID, int] = field(default_factory=dict)


def read_file(path: Path, reading: Reading) -> Iterator[Entry | BadLine]:
    """Read a file lazily; the same content twice in it is reported and read once.

    Raises:
        StackError: the file cannot be opened, or has no shape that is known.
    """
    opened = table.open_text(path)
    with opened.stream:
        lines = _csv_lines(opened, reading) if opened.delimiter else _json_lines(opened.stream, reading)
        try:
            yield from _once(lines, reading.seen)
        except (UnicodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise table.unreadable(path, error) from None


def _once(lines: Iterator[Entry | BadLine], seen: dict[UUID, int]) -> Iterator[Entry | BadLine]:
    for entry in lines:
        if isinstance(entry, Entry):
            first = seen.setdefault(entry.key, entry.line)
            if first != entry.line:
                yield BadLine(entry.line, f"the same as line {first}")
                continue
        yield entry


def read_lines(lines: Iterable[str], reading: Reading) -> Iterator[Entry | BadLine]:
    """Read JSON lines that are no file."""
    return _json_lines(lines, reading)


def _json_lines(stream: Iterable[str], reading: Reading) -> Iterator[Entry | BadLine]:
    for number, raw in enumerate(stream, 1):
        content = raw.strip()
        if not content:
            continue
        try:
            data = json.loads(content)
        except ValueError as error:
            yield BadLine(number, f"not JSON: {error}")
            continue
        if not isinstance(data, dict):
            yield BadLine(number, "not a JSON object")
            continue
        key = _key(reading, content)
        if "lang" in data and "language" not in data:
            yield _published(number, key, _label_fields(data), reading)
        elif OWN_FIELDS & data.keys():
            yield _example(number, key, content, reading)
        else:
            yield _told(number, key, data, reading)


def _key(reading: Reading, content: str) -> UUID:
    return uuid5(NAMESPACE, "\n".join((reading.pack, reading.channel or "", content)))


def _told(number: int, key: UUID, data: dict[str, Any], reading: Reading) -> Entry | BadLine:
    body = dict(data)
    if reading.channel:
        body["channel"] = reading.channel
    if body.get("channel") not in CHANNELS:
        return BadLine(number, "channel must be web, phone or store; or give --channel")
    if not isinstance(body.get("text"), str):
        return BadLine(number, "no text")
    return _entry(number, key, body)


def _example(number: int, key: UUID, content: str, reading: Reading) -> Entry | BadLine:
    try:
        example = read_example(content, number)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        return BadLine(number, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    body = dict(example.body)
    if example.received_offset is not None:
        body["received_at"] = (reading.anchor - example.received_offset).isoformat(timespec="seconds")
    return _told(number, key, body, reading)


def _label_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """A label set's line in the words of the CSV. Its label is the answer, so it is not sent along."""
    return {
        "text": data.get("text"),
        "title": data.get("title") or data.get("issue"),
        "language": "zh" if data.get("lang") == "zh" else "en",
        "via": data.get("channel"),
        "date": data.get("created_at"),
    }


def _csv_lines(opened: table.Opened, reading: Reading) -> Iterator[Entry | BadLine]:
    for number, row in table.rows(opened, NARRATIVE):
        if row is None:
            yield BadLine(number, "the number of fields differs from the header")
            continue
        key = _key(reading, json.dumps(row, ensure_ascii=False, sort_keys=True))
        told = {
            "text": row[NARRATIVE.lower()],
            "title": row.get("issue"),
            "language": "en",
            "via": row.get("submitted via"),
            "date": row.get("date received"),
            "category": CATEGORY_OF_PRODUCT.get(row.get("product", "").strip().lower()),
            "order": row.get("complaint id"),
        }
        yield _published(number, key, told, reading)


def _published(number: int, key: UUID, told: Mapping[str, Any], reading: Reading) -> Entry | BadLine:
    text = told["text"]
    if not isinstance(text, str) or not text.strip():
        return BadLine(number, "no narrative")
    body: dict[str, Any] = {
        "channel": reading.channel or _CHANNEL_OF.get(str(told["via"] or "").strip().lower(), "web"),
        "language": told["language"],
        "text": text,
    }
    title = " ".join(str(told.get("title") or "").split())[:200]
    if title:
        body["title"] = title
    if told.get("category"):
        body["category"] = told["category"]
    if order := str(told.get("order") or "").strip():
        body["order_id"] = f"CFPB-{order}"
    if reading.contact:
        body["customer"] = {"email": f"customer-{key.hex[:12]}@example.com"}
    if reading.dates and told.get("date"):
        received = _date(str(told["date"]))
        if received is None:
            return BadLine(number, "the date received is no date")
        body["received_at"] = received.isoformat()
    return _entry(number, key, body)


def _entry(number: int, key: UUID, body: dict[str, Any]) -> Entry:
    text: str = body["text"].strip()
    if len(text) <= LONGEST_TEXT:
        return Entry(line=number, key=key, body=body)
    parts = tuple(text[at : at + LONGEST_TEXT] for at in range(0, len(text), LONGEST_TEXT))
    return Entry(line=number, key=key, body={**body, "text": parts[0]}, rest=tuple(p for p in parts[1:] if p.strip()))


def _date(text: str) -> datetime | None:
    for pattern in ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"):
        try:
            moment = datetime.strptime(text.strip(), pattern)  # noqa: DTZ007  the zone is set below
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(hour=moment.hour or 12, tzinfo=UTC)
    return None
