"""Event keys of tests: every service of the test process signs by these, and believes them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from shared.events.envelope import Event
from shared.events.topics import TOPIC_OF, TOPICS
from shared.runtime.event_keys import WRITERS, EventKey, EventKeys, signed
from shared.runtime.kafka import cloud_event_headers

KEYS = {topic.writer: hashlib.sha256(topic.writer.encode()).digest() for topic in TOPICS}
RING = EventKeys(EventKey.of(writer, secret, signs=True) for writer, secret in KEYS.items())


def provide() -> None:
    """Name a file with these keys to every service that this process makes or starts."""
    path = Path(tempfile.mkdtemp(prefix="redress-event-keys-")) / "events.json"
    path.write_bytes(RING.written())
    os.environ["EVENT_KEYS_FILE"] = str(path)


def sign(
    topic: str, key: bytes | None, headers: list[tuple[str, bytes | None]], value: bytes | None
) -> list[tuple[str, bytes | None]]:
    """The headers of a record, signed by the topic's writer."""
    return signed(RING.own(WRITERS[topic]), topic, key, headers, value)


def parts_of(event: Event, trace: str | None = None) -> tuple[bytes, bytes, list[tuple[str, bytes | None]]]:
    """Key, value and headers of the record that the event's writer would make of it."""
    topic, key, value = TOPIC_OF[type(event)], str(event.complaint_id).encode(), event.model_dump_json().encode()
    headers = cloud_event_headers(f"/{topic.writer}", event.event_id, event.kind, key, event.occurred_at, trace)
    return key, value, sign(topic.name, key, headers, value)
