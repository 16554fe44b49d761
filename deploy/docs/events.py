"""JSON Schemas of every event, and the AsyncAPI 3.0 document of the topics."""

from typing import Any

from pydantic import TypeAdapter

from shared.events.envelope import Event
from shared.events.topics import DEAD_LETTERS, EVENT_TYPES, TOPICS, Topic

_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes, Kafka binary content mode, and W3C trace context.",
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {
            "type": "string",
            "format": "uuid",
            "description": "event id (UUIDv7); readers drop what they have seen",
        },
        "ce_type": {"type": "string", "description": "event type with its major version"},
        "ce_source": {"type": "string", "description": "/ and the writing service"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "format": "uuid", "description": "complaint id; also the key of the record"},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string"},
    },
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"],
}


def event_schemas() -> dict[str, dict[str, Any]]:
    """Event type → its JSON Schema (draft 2020-12), as the writer serialises it."""
    return {kind: _schema(kind, model) for kind, model in sorted(EVENT_TYPES.items())}


def _schema(kind: str, model: type[Event]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode="validation")
    schema["required"] = sorted({*schema.get("required", ()), "type"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:redress:event:{kind}", **schema}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: channels, messages, who sends and who receives."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for topic in TOPICS:
        channels[topic.name] = _channel(topic)
        operations |= _operations(topic)
        for model in topic.events:
            kind = str(model.model_fields["type"].default)
            messages[kind] = {
                "name": kind,
                "title": model.__name__,
                "summary": (model.__doc__ or "").strip().splitlines()[0],
                "contentType": "application/json",
                "headers": {"$ref": "#/components/schemas/Headers"},
                "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": _inline(kind, model)},
            }
    channels[DEAD_LETTERS] = {
        "address": DEAD_LETTERS,
        "description": "What a service could not process: key, bytes and headers as they came, and x-dead-letter-* headers.",
        "messages": {},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Redress events",
            "version": "1",
            "description": "What the four services say to each other. The key of every record is the complaint id.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"Headers": _HEADERS}},
    }


def _inline(kind: str, model: type[Event]) -> dict[str, Any]:
    schema = _schema(kind, model)
    return {key: value for key, value in schema.items() if key not in {"$schema", "$id"}} | {
        "$id": f"urn:redress:event:{kind}"
    }


def _channel(topic: Topic) -> dict[str, Any]:
    kinds = [str(m.model_fields["type"].default) for m in topic.events]
    return {
        "address": topic.name,
        "description": f"Written by {topic.writer} alone. {topic.partitions} partitions or more.",
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    found: dict[str, Any] = {f"{topic.writer}.send": {"action": "send", "channel": channel, "messages": []}}
    for model in topic.events:
        kind = str(model.model_fields["type"].default)
        message = {"$ref": f"#/channels/{topic.name}/messages/{kind}"}
        found[f"{topic.writer}.send"]["messages"].append(message)
        for reader in topic.readers.get(model, ()):
            operation = found.setdefault(
                f"{reader}.receive.{topic.name}", {"action": "receive", "channel": channel, "messages": []}
            )
            operation["messages"].append(message)
    return found
