"""Turn what Pydantic found into problems with a line and a remedy."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.policies.errors import Problem
from shared.policies.yaml_source import Document, Place

_MENDS = {
    "missing": "add it",
    "extra_forbidden": "remove it, or check the spelling",
    "string_pattern_mismatch": "use lower-case letters, digits, - and _",
    "literal_error": "use one of the names listed",
    "date_from_datetime_parsing": "write a date as 2026-10-01",
    "date_parsing": "write a date as 2026-10-01",
    "string_too_long": "shorten it",
    "string_type": "write text, in quotes where it looks like a number",
}


def explain(error: ValidationError, document: Document) -> list[Problem]:
    """Return one problem per place; where a value fits none of several types, the first one's complaint is told."""
    told: dict[Place, Problem] = {}
    for detail in error.errors(include_url=False, include_input=False):
        place: Place = tuple(step for step in detail["loc"] if step != "[key]")
        if detail["type"] not in ("missing", "extra_forbidden"):
            place = _known(place, document)
        told.setdefault(place, _problem(place, detail, document))
    return list(told.values())


def _problem(place: Place, detail: ErrorDetails, document: Document) -> Problem:
    kind = detail["type"]
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "missing":
        reason = f"{_path(place)} is missing"
    elif kind == "extra_forbidden":
        reason = f"unknown field {_path(place)}"
    else:
        reason = f"{_path(place)}: {message[:1].lower()}{message[1:]}" if place else message
    return document.problem(place, reason, _MENDS.get(kind, "change it so that it holds"))


def _known(place: Place, document: Document) -> Place:
    """Drop the steps that Pydantic adds for alternatives of a type; they are not in the file."""
    known: Place = ()
    for step in place:
        if (*known, step) in document.lines:
            known = (*known, step)
    return known


def _path(steps: Iterable[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
