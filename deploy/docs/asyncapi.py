"""The AsyncAPI 3.0 document of the topics: servers, channels, operations, messages, and the schemas they refer to.

The dialect of every payload is stated: JSON Schema draft-07, the one every AsyncAPI tool reads. Our schemas use nothing
that draft 2020-12 reads otherwise; their `$defs` become schemas of the document, so that every reference is found.
"""

from typing import Any

from deploy.docs.events import event_schemas
from shared.events.envelope import Event, type_of
from shared.events.topics import DEAD_LETTERS, EVENT_TYPES, TOPICS, Topic
from shared.runtime.bootstrap import SERVICES
from shared.runtime.event_keys import HEADER

DIALECT = "application/schema+json;version=draft-07"
_BINDING = {"bindingVersion": "0.5.0"}
_SECURITY = ("saslPlain", "saslScramSha256", "saslScramSha512")
_DEAD_LETTER = "dead.letter"
_SCHEMAS = "#/components/schemas/"


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:redress:events",
        "info": {
            "title": "Redress events",
            "version": "1",
            "description": "What the four services say to each other, as CloudEvents 1.0 in Kafka's binary content mode. "
            "The key of every record is the complaint id, so the events of one complaint keep their order.",
            "tags": [{"name": name, "description": f"written by {name}"} for name in SERVICES],
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {topic.name: _channel(topic) for topic in TOPICS} | {DEAD_LETTERS: _dead_letters()},
        "operations": _operations(),
        "components": {
            "messages": {kind: _message(kind, model) for kind, model in EVENT_TYPES.items()}
            | {_DEAD_LETTER: _dead_letter()},
            "schemas": _schemas(),
            "securitySchemes": _security_schemes(),
        },
    }


def _servers() -> dict[str, Any]:
    return {
        "local": {
            "host": "127.0.0.1:{port}",
            "protocol": "kafka",
            "protocolVersion": "4.3",
            "description": "The broker of `make up`: port base + 9, no security.",
            "variables": {"port": {"default": "8109", "description": "REDRESS_PORT_BASE + 9"}},
        },
        "yours": {
            "host": "{bootstrap}",
            "protocol": "kafka-secure",
            "description": "A broker of your own, as in KAFKA_BOOTSTRAP_SERVERS: TLS, and SASL with one of these mechanisms.",
            "variables": {"bootstrap": {"default": "kafka.example:9093", "description": "host:port of a broker"}},
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
        },
    }


def _security_schemes() -> dict[str, Any]:
    return {
        "saslPlain": {"type": "plain", "description": "SASL/PLAIN over TLS"},
        "saslScramSha256": {"type": "scramSha256", "description": "SASL/SCRAM-SHA-256 over TLS"},
        "saslScramSha512": {"type": "scramSha512", "description": "SASL/SCRAM-SHA-512 over TLS"},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Written by {topic.writer} alone. {topic.partitions} partitions or more.",
        "servers": _ON_SERVERS,
        "messages": {type_of(model): {"$ref": f"#/components/messages/{type_of(model)}"} for model in topic.events},
        "tags": [{"name": topic.writer}],
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, **_BINDING}},
    }


_ON_SERVERS = [{"$ref": "#/servers/local"}, {"$ref": "#/servers/yours"}]


def _dead_letters() -> dict[str, Any]:
    return {
        "address": DEAD_LETTERS,
        "title": DEAD_LETTERS,
        "description": "What a service could not process: key, bytes and headers as they came, and x-dead-letter-* headers. "
        "Every service writes it; operators read it (`redress dead-letters`).",
        "servers": _ON_SERVERS,
        "messages": {_DEAD_LETTER: {"$ref": f"#/components/messages/{_DEAD_LETTER}"}},
        "bindings": {"kafka": {"topic": DEAD_LETTERS, **_BINDING}},
    }


def _message(kind: str, model: type[Event]) -> dict[str, Any]:
    return {
        "name": kind,
        "title": model.__name__,
        "summary": (model.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": _headers("Headers"),
        "payload": {"schemaFormat": DIALECT, "schema": {"$ref": _SCHEMAS + model.__name__}},
        "correlationId": {"location": "$message.header#/ce_subject", "description": "the complaint"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid", "description": "complaint id"}, **_BINDING}},
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": _DEAD_LETTER,
        "title": "DeadLetter",
        "summary": "A record that a service could not process, with its own headers and where it came from.",
        "contentType": "application/octet-stream",
        "headers": _headers("DeadLetterHeaders"),
        "payload": {"schemaFormat": DIALECT, "schema": {"description": "the bytes of the record, whatever they are"}},
        "bindings": {"kafka": {"key": {"type": "string", "description": "the key of the record as it came"}, **_BINDING}},
    }


def _headers(name: str) -> dict[str, Any]:
    return {"schemaFormat": DIALECT, "schema": {"$ref": _SCHEMAS + name}}


def _operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for topic in TOPICS:
        channel = {"$ref": f"#/channels/{topic.name}"}
        found[f"{topic.writer}.send"] = {
            "action": "send",
            "channel": channel,
            "title": f"{topic.writer} says",
            "summary": "Published once its transaction is committed, in order per complaint.",
            "messages": [_message_of(topic.name, type_of(model)) for model in topic.events],
            "bindings": {"kafka": {"clientId": _one(f"redress-{topic.writer}"), **_BINDING}},
        }
        for service in SERVICES:
            kinds = [type_of(model) for model, readers in topic.readers.items() if service in readers]
            if kinds:
                found[f"{service}.receive.{topic.name}"] = {
                    "action": "receive",
                    "channel": channel,
                    "title": f"{service} reads {topic.name}",
                    "summary": "Other types of this topic, also ones not known yet, are passed over.",
                    "messages": [_message_of(topic.name, kind) for kind in kinds],
                    "bindings": {
                        "kafka": {
                            "groupId": _one(f"redress.{service}"),
                            "clientId": _one(f"redress-{service}"),
                            **_BINDING,
                        }
                    },
                }
    for service in SERVICES:
        found[f"{service}.send.{DEAD_LETTERS}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{DEAD_LETTERS}"},
            "title": f"{service} buries",
            "messages": [_message_of(DEAD_LETTERS, _DEAD_LETTER)],
            "bindings": {"kafka": {"clientId": _one(f"redress-{service}"), **_BINDING}},
        }
    return found


def _message_of(topic: str, kind: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{topic}/messages/{kind}"}


def _one(value: str) -> dict[str, Any]:
    return {"type": "string", "enum": [value]}


def _schemas() -> dict[str, Any]:
    """The schema of every event and of every part that events share, each under its own name.

    Raises:
        ValueError: two parts of one name differ.
    """
    found: dict[str, Any] = {"Headers": _HEADERS, "DeadLetterHeaders": _DEAD_LETTER_HEADERS}
    for kind, schema in event_schemas().items():
        whole = {name: value for name, value in schema.items() if name not in {"$schema", "$id", "$defs"}}
        parts = dict(schema.get("$defs", {})) | {EVENT_TYPES[kind].__name__: whole}
        for name, part in parts.items():
            here = _hoisted(part)
            if found.setdefault(name, here) != here:
                raise ValueError(f"two schemas are called {name}")
    return found


def _hoisted(schema: Any) -> Any:
    """The same with references into `$defs` led to the schemas of the document."""
    if isinstance(schema, dict):
        return {
            name: _SCHEMAS + value.removeprefix("#/$defs/") if name == "$ref" else _hoisted(value)
            for name, value in schema.items()
        }
    return [_hoisted(value) for value in schema] if isinstance(schema, list) else schema


_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes (Kafka protocol binding 1.0.2, binary content mode) and W3C trace context.",
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {
            "type": "string",
            "format": "uuid",
            "description": "event id (UUIDv7); readers drop what they have seen",
        },
        "ce_type": {
            "type": "string",
            "enum": sorted(EVENT_TYPES),
            "description": "event type with its major version; readers pass over those they do not know",
        },
        "ce_source": {"type": "string", "format": "uri-reference", "description": "/ and the writing service"},
        "ce_time": {"type": "string", "format": "date-time", "description": "when it happened (RFC 3339, UTC)"},
        "ce_subject": {"type": "string", "format": "uuid", "description": "complaint id; also the key of the record"},
        "content-type": {"type": "string", "const": "application/json", "description": "CloudEvents datacontenttype"},
        "traceparent": {
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
            "description": "W3C trace context of the request or event that caused this one",
        },
        HEADER: {
            "type": "string",
            "pattern": "^1 [0-9a-f]{8} [0-9a-f]{32}$",
            "description": "signature of the writer: version, key id, HMAC-SHA256 of topic, key, the headers above but"
            " traceparent, and value, cut to 16 bytes (docs/adr/0025). Redress itself believes nothing without it;"
            " other readers may pass over it",
        },
    },
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"],
}
_DEAD_LETTER_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "The headers of the record as they came, and these.",
    "properties": {
        "x-dead-letter-topic": {"type": "string", "description": "where it was read"},
        "x-dead-letter-partition": {"type": "string", "pattern": "^[0-9]+$"},
        "x-dead-letter-offset": {"type": "string", "pattern": "^[0-9]+$"},
        "x-dead-letter-consumer": {"type": "string", "enum": list(SERVICES)},
        "x-dead-letter-reason": {"type": "string", "description": "a code"},
        "x-dead-letter-detail": {"type": "string", "description": "where and why, without any value of the record"},
        "x-dead-letter-attempts": {"type": "string", "pattern": "^[0-9]+$"},
        "x-dead-letter-failed-at": {"type": "string", "format": "date-time"},
    },
    "required": [
        "x-dead-letter-topic",
        "x-dead-letter-partition",
        "x-dead-letter-offset",
        "x-dead-letter-consumer",
        "x-dead-letter-reason",
    ],
}
