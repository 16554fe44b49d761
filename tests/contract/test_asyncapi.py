"""The AsyncAPI document: what the official parser says of it, and whether it tells the truth about real events."""

import json
from pathlib import Path

import jsonschema
import pytest

from deploy.docs.asyncapi import DIALECT, asyncapi
from shared.events.topics import DEAD_LETTERS, EVENT_TYPES, TOPICS
from shared.runtime.bootstrap import SERVICES
from tests.support.tools import TOOLS, call, node_modules, program

DOCUMENT = Path(__file__).parents[2] / "docs" / "contracts" / "asyncapi.json"
GOLDEN = Path(__file__).parent / "golden"
_ONLY_2020 = {"$defs", "$dynamicRef", "prefixItems", "unevaluatedProperties", "dependentRequired", "minContains"}


@pytest.mark.slow
@pytest.mark.timeout(900)  # the first run installs the parser
def test_the_official_parser_takes_the_document_and_finds_every_message():
    node = program("node", "install Node.js 20 or newer")
    modules = {"TOOLS_MODULES": str(node_modules())}
    told = json.loads(call([node, str(TOOLS / "parse_asyncapi.cjs"), str(DOCUMENT)], TOOLS, environment=modules))
    # That a newer version of the format exists is news, not a fault.
    assert [one for one in told["diagnostics"] if one["code"] != "asyncapi-latest-version"] == []
    assert told["valid"]
    assert set(told["messages"]) == {*EVENT_TYPES, "dead.letter"}


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden_payloads_are_valid_in_the_dialect_that_the_document_states(path):
    document = asyncapi()
    payload = document["components"]["messages"][path.parent.name]["payload"]
    assert payload["schemaFormat"] == DIALECT
    whole = payload["schema"] | {"components": document["components"]}
    jsonschema.Draft7Validator(whole).validate(json.loads(path.read_text("utf-8")))


def test_no_schema_uses_what_the_stated_dialect_does_not_know():
    for name, schema in asyncapi()["components"]["schemas"].items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert not _ONLY_2020 & _keywords(schema), name


def test_the_document_names_servers_bindings_and_who_reads_what():
    document = asyncapi()
    assert {"local", "yours"} == set(document["servers"])
    assert document["servers"]["yours"]["security"]
    for topic in TOPICS:
        assert document["channels"][topic.name]["bindings"]["kafka"]["partitions"] == topic.partitions
        for service in {reader for readers in topic.readers.values() for reader in readers}:
            binding = document["operations"][f"{service}.receive.{topic.name}"]["bindings"]["kafka"]
            assert binding["groupId"]["enum"] == [f"redress.{service}"]
    for kind in EVENT_TYPES:
        assert document["components"]["messages"][kind]["bindings"]["kafka"]["key"]["format"] == "uuid"
    writers = {name.partition(".")[0] for name in document["operations"] if name.endswith(f".send.{DEAD_LETTERS}")}
    assert writers == set(SERVICES)


def _keywords(schema):
    if isinstance(schema, dict):
        return set(schema) | {word for value in schema.values() for word in _keywords(value)}
    return {word for value in schema for word in _keywords(value)} if isinstance(schema, list) else set()
