"""Read one YAML file strictly, remembering the line of every key and item.

Stricter than YAML on purpose: no aliases and no tags (they can make a small file huge or call code), no duplicate keys,
and only `true`, `false`, `null` and plain numbers are anything but text. So `18:00` stays a time and `no` stays a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.policies.errors import PolicyError, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})")
_FLOAT = re.compile(r"[-+]?\d{1,17}\.\d{1,17}")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: Where something stands in a document: keys and list indexes from the top.
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as plain data, with a line (from 1) for every place in it."""

    file: str
    data: Any
    lines: dict[Place, int]
    raw: bytes

    def problem(self, place: Place, reason: str, mend: str) -> Problem:
        """Return a problem at `place`, or at the nearest thing around it that has a line."""
        known: Place = ()
        for step in place:
            if (*known, step) in self.lines:
                known = (*known, step)
        return Problem(self.file, self.lines.get(known, 1), reason, mend)


def read_yaml(path: Path, shown: str) -> Document:
    """Read the file at `path`; `shown` is its name in messages.

    Raises:
        PolicyError: unreadable, larger than a megabyte, not UTF-8, not YAML, or YAML this reader does not take.
    """
    return parse_yaml(_read(path, shown), shown)


def parse_yaml(raw: bytes, shown: str) -> Document:
    """Read the bytes of a file; like `read_yaml`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refusal(shown, line, "the file is not UTF-8", "save it as UTF-8") from None
    builder = _Builder(shown)
    try:
        builder.events = yaml.parse(text, Loader=_Loader)
        data = builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"not YAML: {error.problem or error.context}"
        raise _refusal(shown, mark.line + 1 if mark else 1, reason, "check indentation, quotes and colons") from None
    except yaml.YAMLError as error:
        reason = f"not YAML: {str(error).splitlines()[0]}"
        raise _refusal(shown, 1, reason, "remove control characters") from None
    return Document(shown, data, builder.lines, raw)


def _read(path: Path, shown: str) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = f"cannot be read: {error.strerror or type(error).__name__}"
        raise _refusal(shown, 1, reason, "a pack has all its files, readable by the service") from None
    if len(raw) > MAX_BYTES:
        raise _refusal(shown, 1, f"larger than {MAX_BYTES} bytes", "split the pack, or shorten its word lists")
    return raw


def _refusal(file: str, line: int, reason: str, mend: str) -> PolicyError:
    return PolicyError([Problem(file, line, reason, mend)])


class _Builder:
    """Builds data from the parser's events, one after the other."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.events: Iterator[yaml.Event] = iter(())
        self.lines: dict[Place, int] = {(): 1}

    def document(self) -> Any:
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            raise _refusal(self.file, 1, "the file is empty", "fill it, or copy it from a pack that works")
        data = self._value(next(self.events), ())
        next(self.events)  # document end
        if not isinstance(event := next(self.events), yaml.StreamEndEvent):
            raise self._refuse(event, "a second document in one file", "keep one document, without ---")
        return data

    def _refuse(self, event: yaml.Event, reason: str, mend: str) -> PolicyError:
        return _refusal(self.file, _line(event), reason, mend)

    def _value(self, event: yaml.Event, place: Place) -> Any:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._refuse(event, "anchors and aliases are not taken", "write the value out")
        if len(place) > MAX_DEPTH:
            raise self._refuse(event, f"nested deeper than {MAX_DEPTH}", "no policy needs that depth")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self._refuse(event, "tags are not taken", "remove the ! tag")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(place)
        return self._mapping(place)

    def _list(self, place: Place) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            here = (*place, len(items))
            self.lines[here] = _line(event)
            items.append(self._value(event, here))
        return items

    def _mapping(self, place: Place) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or getattr(event, "anchor", None) is not None:
                raise self._refuse(event, "a key must be plain text", "write the key as a word")
            key = event.value
            if key in pairs:
                first = self.lines[(*place, key)]
                raise self._refuse(event, f"{key[:60]!r} is given twice, first in line {first}", "keep one of them")
            self.lines[(*place, key)] = _line(event)
            pairs[key] = self._value(next(self.events), (*place, key))
        return pairs


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _scalar(event: yaml.ScalarEvent) -> Any:
    value: str = event.value
    if event.style:  # quoted or a block; a plain scalar has None from one parser and '' from the other
        return value
    if value in _WORDS:
        return _WORDS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _FLOAT.fullmatch(value) else value
