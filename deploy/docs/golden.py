"""Golden payloads: one full and one minimal example of every event version, kept for ever.

A golden payload is written once and never changed: it stands for what is already on somebody's topic.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from shared.events.envelope import Event
from shared.events.reference import reference_of
from shared.events.topics import EVENT_TYPES

_MOMENT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
_BY_NAME: dict[str, Any] = {
    "reference": reference_of(42),
    "into_reference": reference_of(43),
    "repeat_of": reference_of(41),
    "progress_token_hash": "ab" * 32,
    "message_id": "<0a1b2c@redress.example>",
    "about": "01930000-0000-7000-8000-000000000001",
    "client": "shop-till-7",
    "store_id": "S-021",
    "policy_version": "2026-11-22+0a1b2c3d",
    "id": "01930000-0000-7000-8000-000000000001",
    "actor": "policy",
}
_SIMPLE: dict[Any, Any] = {
    UUID: UUID("01930000-0000-7000-8000-000000000002"),
    datetime: _MOMENT,
    AwareDatetime: _MOMENT,
    int: 1,
    bool: True,
}


def sample(model: type[Event], *, full: bool) -> Event:
    """An example of an event; `full` fills the optional fields too."""
    return model.model_validate(_fill(model, full))


def write_missing(folder: Path) -> list[Path]:
    """Write the golden payloads that do not exist yet; answers their paths."""
    written = []
    for kind, model in EVENT_TYPES.items():
        for name, full in (("full", True), ("minimal", False)):
            path = folder / kind / f"{name}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                event = sample(model, full=full)
                text = event.model_dump_json(exclude_unset=True)
                path.write_text(
                    json.dumps(json.loads(text), ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8"
                )
                written.append(path)
    return written


def _fill(model: type[BaseModel], full: bool) -> dict[str, Any]:
    found = {}
    for name, field in model.model_fields.items():
        if full or field.is_required() or name == "type":
            found[name] = (
                field.default if name == "type" else _value(name, field.annotation, list(field.metadata), full)
            )
    return found


def _value(name: str, annotation: Any, metadata: list[Any], full: bool) -> Any:
    if name in _BY_NAME:
        return _BY_NAME[name]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(name, arguments[0], [*metadata, *arguments[1:]], full)
    if origin in (Union, UnionType):
        return _value(name, next(a for a in arguments if a is not NoneType), metadata, full)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return [_value("", arguments[0], [], full)]
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if annotation is str:
        return "s1.c2VhbGVkIHRleHQ" if "s1" in repr(metadata) else "delivery"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _fill(annotation, full)
    raise TypeError(f"no sample for {name}: {annotation}")
