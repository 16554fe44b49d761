"""`make docs`: writes the contract documents into `docs/contracts/`, or tells which are out of date."""

import importlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.docs.asyncapi import asyncapi
from deploy.docs.events import event_schemas
from shared.runtime.bootstrap import SERVICES
from shared.runtime.event_keys import EventKeys, new_event_key
from shared.runtime.service import nothing_reached

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "contracts"


def documents() -> dict[Path, str]:
    """Every generated file below `docs/contracts` and its content."""
    found = {Path("events") / f"{kind}.json": _json(schema) for kind, schema in event_schemas().items()}
    found[Path("asyncapi.json")] = _json(asyncapi())
    for service in SERVICES:
        found[Path("openapi") / f"{service}.json"] = _json(openapi(service))
    return found


def openapi(service: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a service, from its routes."""
    settings = importlib.import_module(f"services.{service}.settings").Settings
    build: Callable[..., Any] = importlib.import_module(f"services.{service}.app").build
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        key.write_text(os.urandom(32).hex())
        event_keys = Path(folder) / "event-keys"
        event_keys.write_bytes(EventKeys(map(new_event_key, SERVICES)).written())
        made = build(
            settings(
                database_url="postgresql://nobody@127.0.0.1/none",
                master_key_file=key,
                session_key_file=key,
                event_keys_file=event_keys,
                policies_dir=ROOT / "deploy" / "policies",
            ),
            nothing_reached,
        )
        document: dict[str, Any] = made.app.openapi()
        made.tracing.shutdown()
    return document


def write() -> list[Path]:
    """Write what changed; answers the changed files."""
    changed = []
    wanted = documents()
    for path, text in wanted.items():
        target = FOLDER / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            changed.append(path)
    for old in FOLDER.rglob("*.json"):
        if old.relative_to(FOLDER) not in wanted and "golden" not in old.parts:
            old.unlink()
            changed.append(old.relative_to(FOLDER))
    return changed


def stale() -> list[Path]:
    """Committed documents that differ from what the code says."""
    return [
        path
        for path, text in documents().items()
        if not (FOLDER / path).exists() or (FOLDER / path).read_text(encoding="utf-8") != text
    ]


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
