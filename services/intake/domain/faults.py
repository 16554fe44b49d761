"""What is wrong with a request: which field (JSON Pointer, RFC 6901) and why, in the caller's language."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from services.intake.domain.wording import FAULTS, Texts
from shared.events.envelope import Language
from shared.problems import code_of

MAX_FAULTS = 20
_POSITION = re.compile(r"at line (\d+) column (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong. `code` is closed (`wording.FAULTS`), `pointer` is "" for the whole body."""

    pointer: str
    code: str
    detail: str
    values: Mapping[str, object] | None = field(default=None, compare=False)
    """What the words are filled with, of a fault that can be said in the other language too."""

    def as_json(self) -> dict[str, str]:
        """The entry of a problem's `errors`."""
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


def fault(code: str, pointer: str, language: Language, **values: object) -> Fault:
    """A fault found by a rule outside the request model."""
    return Fault(pointer=pointer, code=code, detail=_text(FAULTS[code], language).format(**values), values=values)


def in_language(faults: Iterable[Fault], language: Language) -> tuple[Fault, ...]:
    """The same faults in a language. Those of a request model were said in the caller's language as they were found."""
    return tuple(one if one.values is None else fault(one.code, one.pointer, language, **one.values) for one in faults)


def faults_of(error: ValidationError, language: Language) -> tuple[Fault, ...]:
    """What the request model refused, without repeating any input but the names of unknown fields."""
    found = error.errors(include_url=False, include_input=False)
    return tuple(_fault_of(dict(entry), language) for entry in found[:MAX_FAULTS])


def pointer_to(path: Iterable[str | int]) -> str:
    """The JSON Pointer of a path: `("customer", "phone")` → `/customer/phone`."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1")[:100] for step in path)


def _fault_of(entry: Mapping[str, Any], language: Language) -> Fault:
    code = code_of(entry["type"])
    if code not in FAULTS:
        code = "not_acceptable"
    context: Mapping[str, Any] = entry.get("ctx") or {}
    values = {
        "limit": context.get("max_length", context.get("min_length", "")),
        "allowed": _allowed(str(context.get("expected", "")), language),
        "field": str(entry["loc"][-1])[:100] if entry["loc"] else "",
        "place": _place(str(context.get("error", "")), language),
    }
    return Fault(pointer=pointer_to(entry["loc"]), code=code, detail=_text(FAULTS[code], language).format(**values))


def _allowed(expected: str, language: Language) -> str:
    names = re.findall(r"'([^']*)'", expected)
    return ("、" if language == "zh" else ", ").join(names)


def _place(message: str, language: Language) -> str:
    position = _POSITION.search(message)
    if not position:
        return ""
    line, column = position.groups()
    return f"（第 {line} 行第 {column} 列）" if language == "zh" else f" (line {line}, column {column})"


def _text(texts: Texts, language: Language) -> str:
    return texts.zh if language == "zh" else texts.en
