"""JSON read exactly: a field said twice, half a character or NaN is a fault of its field, not of the whole body.

A parser that takes the last of two equal keys files something else than another parser would (RFC 8259 §4), and one cut
emoji (a lone surrogate, RFC 8259 §8.2) would cost a batch its 499 other entries.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.intake.domain.complaint import MAX_BATCH_ITEMS
from services.intake.domain.faults import MAX_FAULTS, Fault, fault, faults_of, pointer_to
from shared.events.envelope import Language

_MAX_DEPTH: Final = 20
_MAX_DIGITS: Final = 30
_BEGIN: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"complaints"[ \t\r\n]*:[ \t\r\n]*\[')
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{},]', re.DOTALL)
_END: Final = re.compile(rb"[ \t\r\n]*\}[ \t\r\n]*")
_TEXTS: Final = (str, datetime, UUID)
_OPENING, _CLOSING, _COMMA = frozenset(b"[{"), frozenset(b"]}"), ord(",")


class _Pairs(list[tuple[str, Any]]):
    """An object with every key as often as it was said."""


class _Odd:
    """A number that is none, or that nobody can mean."""


def is_exact(raw: bytes, *models: BaseModel, around: int = 0) -> bool:
    """Whether the JSON says each field of the models once; quick, and False where only `faults_in` can tell.

    Every key and every text has two quotation marks: one more than the models need is a key too many, or a mark inside a
    text. `around` is how many marks belong to no model.
    """
    return raw.count(b'"') == around + sum(map(_marks_of, models))


def faults_in(raw: bytes, language: Language) -> tuple[Fault, ...]:
    """What is wrong with a body beyond its model: `said_twice`, `half_character`, `not_a_number`, `too_deep`."""
    try:
        tree = json.loads(raw, object_pairs_hook=_Pairs, parse_int=_whole, parse_constant=lambda _: _Odd())
    except RecursionError:
        return (fault("too_deep", "", language, limit=_MAX_DEPTH),)
    except ValueError:  # no JSON at all, or not UTF-8
        return ()
    found = []
    for path, code in _oddities(tree, ()):
        found.append(fault(code, pointer_to(path), language, limit=_MAX_DEPTH))
        if len(found) == MAX_FAULTS:
            break
    return tuple(found)


def why_invalid(raw: bytes, error: ValidationError, language: Language) -> tuple[Fault, ...]:
    """The faults of a body that its model refused; where it is not JSON, those of the fields that make it none."""
    broken = any(entry["type"] == "json_invalid" for entry in error.errors(include_url=False, include_input=False))
    return (faults_in(raw, language) if broken else ()) or faults_of(error, language)


def told_in(raw: bytes) -> dict[str, Any]:
    """The object as far as it can be read, to find language and key of what is refused; empty when it is none."""
    try:
        told = json.loads(raw, parse_int=_whole)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def entries_of(raw: bytes) -> list[bytes] | None:
    """The entries of a batch, each with its own bytes, so that each can be judged alone; None when it is no batch or too
    long a one.
    """
    begin = _BEGIN.match(raw)
    if begin is None:
        return None
    entries: list[bytes] = []
    depth, start = 0, begin.end()
    for token in _TOKEN.finditer(raw, start):
        sign = raw[token.start()]
        if sign in _OPENING:
            depth += 1
        elif sign in _CLOSING and depth:
            depth -= 1
        elif (sign == _COMMA and not depth) or sign in _CLOSING:
            entries.append(raw[start : token.start()])
            start = token.end()
            if len(entries) > MAX_BATCH_ITEMS or not entries[-1].strip():
                return None
            if sign != _COMMA:
                return entries if _END.fullmatch(raw, start) else None
    return None


def _marks_of(model: BaseModel) -> int:
    told, values = model.__pydantic_fields_set__, model.__dict__
    marks = 2 * len(told)
    for name in told:
        value = values[name]
        if isinstance(value, _TEXTS):
            marks += 2
        elif isinstance(value, BaseModel):
            marks += _marks_of(value)
    return marks


def _whole(digits: str) -> int | _Odd:
    return int(digits) if len(digits) <= _MAX_DIGITS else _Odd()


def _oddities(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if len(path) > _MAX_DEPTH:
        yield path, "too_deep"
    elif isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, inner in value:
            here = (*path, _shown(key))
            if key in seen:
                yield here, "said_twice"
            if _is_cut(key):
                yield here, "half_character"
            seen.add(key)
            yield from _oddities(inner, here)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _oddities(inner, (*path, place))
    elif isinstance(value, str) and _is_cut(value):
        yield path, "half_character"
    elif isinstance(value, _Odd) or (isinstance(value, float) and value in (float("inf"), float("-inf"))):
        yield path, "not_a_number"


def _is_cut(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)


def _shown(key: str) -> str:
    return key.encode("utf-8", "replace").decode()
