"""The events are a contract: schemas are committed, compatible, and old payloads stay readable."""

import json
from pathlib import Path

import pytest

from deploy.docs.asyncapi import asyncapi
from deploy.docs.events import event_schemas
from deploy.docs.evolution import breaking_changes
from shared.events.envelope import Event, Frozen
from shared.events.topics import ADAPTERS, EVENT_TYPES, TOPICS, types_read_by

CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts"
GOLDEN = Path(__file__).parent / "golden"
RELEASED = Path(__file__).parent / "released"


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_the_committed_schema_is_what_the_code_says(kind):
    committed = json.loads((CONTRACTS / "events" / f"{kind}.json").read_text("utf-8"))
    assert committed == event_schemas()[kind], "run `make docs` and commit the result"


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_no_change_breaks_an_old_reader_or_an_old_event(kind):
    released = RELEASED / f"{kind}.json"
    assert released.exists(), "a new event type: run `make docs`, which keeps its first schema"
    assert breaking_changes(json.loads(released.read_text("utf-8")), event_schemas()[kind]) == []


def test_a_released_event_type_never_disappears():
    assert {p.stem for p in RELEASED.glob("*.json")} <= set(EVENT_TYPES)


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.json")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_golden_payloads_of_every_version_are_read_without_loss(path):
    payload = json.loads(path.read_text("utf-8"))
    event = ADAPTERS[path.parent.name].validate_json(path.read_bytes())
    again = json.loads(event.model_dump_json())
    assert _within(payload, again)


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_a_reader_of_this_version_ignores_what_a_newer_writer_adds(kind):
    payload = json.loads((GOLDEN / kind / "full.json").read_text("utf-8")) | {"added_later": {"deep": [1, 2]}}
    assert ADAPTERS[kind].validate_json(json.dumps(payload)).kind == kind


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_every_event_type_has_golden_payloads(kind):
    assert {p.stem for p in (GOLDEN / kind).glob("*.json")} >= {"full", "minimal"}


@pytest.mark.parametrize("model", EVENT_TYPES.values(), ids=lambda m: m.__name__)
def test_events_are_frozen_tolerant_and_silent_about_input(model):
    assert issubclass(model, Event)
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "ignore"
    assert model.model_config["hide_input_in_errors"]
    assert model.__doc__


def test_each_event_belongs_to_one_topic_and_names_its_readers():
    seen = [event for topic in TOPICS for event in topic.events]
    assert len(seen) == len(set(seen)) == len(EVENT_TYPES)
    for topic in TOPICS:
        assert set(topic.readers) == set(topic.events), f"{topic.name}: say who reads each event, be it nobody"


def test_no_service_reads_its_own_topic():
    for topic in TOPICS:
        assert topic.name not in types_read_by(topic.writer)


def test_asyncapi_names_every_channel_and_message():
    document = asyncapi()
    assert document == json.loads((CONTRACTS / "asyncapi.json").read_text("utf-8"))
    assert set(document["components"]["messages"]) == {*EVENT_TYPES, "dead.letter"}


def _schema(model):
    return model.model_json_schema()


class _Old(Frozen):
    name: str
    limit: int | None = None


class _Removed(Frozen):
    limit: int | None = None


class _Required(Frozen):
    name: str
    limit: int | None = None
    more: str


class _Retyped(Frozen):
    name: int
    limit: int | None = None


class _NotNull(Frozen):
    name: str
    limit: int = 3


class _Wider(Frozen):
    name: str
    limit: int | None = None
    more: str | None = None


@pytest.mark.parametrize("new", [_Removed, _Required, _Retyped, _NotNull])
def test_a_breaking_change_is_found(new):
    assert breaking_changes(_schema(_Old), _schema(new))


def test_an_optional_field_is_no_breaking_change():
    assert breaking_changes(_schema(_Old), _schema(_Wider)) == []


def _within(part, whole):
    """Everything of `part` is in `whole` with the same value (moments may be written differently)."""
    if isinstance(part, dict):
        return all(name in whole and _within(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(_within, part, whole))
    return part == whole or (isinstance(part, str) and part.replace("+00:00", "Z") == whole)
