"""JSON Schemas of every event."""

from typing import Any

from pydantic import TypeAdapter

from shared.events.envelope import Event
from shared.events.topics import EVENT_TYPES

def event_schemas() -> dict[str, dict[str, Any]]:
    """Event type → its JSON Schema (draft 2020-12), as the writer serialises it."""
    return {kind: _schema(kind, model) for kind, model in sorted(EVENT_TYPES.items())}


def _schema(kind: str, model: type[Event]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode="validation")
    schema["required"] = sorted({*schema.get("required", ()), "type"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:redress:event:{kind}", **schema}
