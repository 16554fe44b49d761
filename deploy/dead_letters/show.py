"""Dead letters as an operator reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deploy.dead_letters.store import Letter
from deploy.endpoints import Endpoints

_HEX_WIDTH = 16
_MOST_BYTES = 4_096


def table_of(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The list, one line per letter."""
    if not rows:
        return Text("No dead letters.")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("letter", "failed", "record", "type", "reason", "detail", "replayed"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(
            row["address"],
            row["failed_at"].astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
            f"{row['topic']}[{row['partition']}]@{row['record_offset']}",
            escape(row["event_type"] or "–"),
            row["reason"],
            escape(row["detail"]),
            f"{row['replayed_at'].astimezone():%Y-%m-%d %H:%M %Z} {row['replayed_by']}" if row["replayed_at"] else "",
        )
    return table


def letter_as_json(letter: Letter) -> dict[str, Any]:
    """One letter for programs; bytes as text where they are UTF-8, else in hexadecimal."""
    return {
        "letter": str(letter.address),
        "consumer": letter.consumer,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "type": letter.event_type,
        "reason": letter.reason,
        "detail": letter.detail,
        "trace_id": trace_id(letter),
        "attempts": letter.attempts,
        "record_at": letter.record_at.isoformat() if letter.record_at else None,
        "failed_at": letter.failed_at.isoformat(),
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
        "replayed_by": letter.replayed_by,
        "key": _readable(letter.key),
        "headers": [[name, _readable(value)] for name, value in letter.headers],
        "value": _readable(letter.value),
    }


def page_of(letter: Letter, endpoints: Endpoints) -> RenderableType:
    """One letter for people: why, from where, headers, bytes."""
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    told = letter_as_json(letter)
    for name in ("letter", "consumer", "type", "reason", "detail", "attempts", "record_at", "failed_at", "key"):
        facts.add_row(name.replace("_", " "), escape(str(told[name] if told[name] is not None else "–")))
    facts.add_row("record", f"{letter.topic}[{letter.partition}]@{letter.offset}")
    if trace := trace_id(letter):
        facts.add_row("trace", endpoints.trace_url(trace) or trace)
    if letter.replayed_at:
        facts.add_row("replayed", f"{letter.replayed_at.isoformat()} by {letter.replayed_by}")
    headers = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    for name, value in letter.headers:
        headers.add_row(escape(name), escape(_readable(value) or "–"))
    size = len(letter.value or b"")
    return Group(
        facts, Text("headers", style="bold"), headers, Text(f"value, {size} bytes", style="bold"), bytes_of(letter)
    )


def bytes_of(letter: Letter) -> RenderableType:
    """The value: JSON indented, other text as it is, anything else as a hexadecimal dump."""
    value = letter.value
    if value is None:
        return Text("no value")
    try:
        text = value[:_MOST_BYTES].decode() if len(value) <= _MOST_BYTES else ""
    except UnicodeDecodeError:
        text = ""
    if text.strip():
        try:
            return Text(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
        except (ValueError, RecursionError):
            return Text(text.translate(_VISIBLE))
    return Text(hex_dump(value))


_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), 127)}


def hex_dump(value: bytes) -> str:
    """Offset, sixteen bytes, the same as ASCII; the first few thousand bytes."""
    lines = []
    for at in range(0, min(len(value), _MOST_BYTES), _HEX_WIDTH):
        part = value[at : at + _HEX_WIDTH]
        ascii_ = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{at:06x}  {part.hex(' '):<{_HEX_WIDTH * 3}} {ascii_}")
    if len(value) > _MOST_BYTES:
        lines.append(f"… {len(value) - _MOST_BYTES} more bytes")
    return "\n".join(lines)


def trace_id(letter: Letter) -> str | None:
    """The trace id of its `traceparent`."""
    parts = (letter.traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None


def _readable(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode().translate(_VISIBLE)
    except UnicodeDecodeError:
        return f"hex {value.hex()}"
