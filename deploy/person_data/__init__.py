"""Everything that is held of a person, read from all services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from deploy.database import Connection
from deploy.erasure.find import Person
from shared.runtime.pg import load_queries
from shared.runtime.vault import Erased, Vault, open_sealed

Q = load_queries("deploy.person_data")
_TOLD = (
    "reference", "pack", "channel", "language", "received_at", "accepted_at", "state", "department", "title", "text",
    "category", "store_id", "order_id", "name", "email", "phone", "details", "rating",
)  # fmt: skip


async def gather(connection: Connection, vault: Vault | None, person: Person) -> dict[str, Any]:
    """The document of a person, ready for JSON; its form is told in the runbook."""
    ids = person.ids
    told = await connection.fetch(Q.told, ids)
    additions, history = await _of(connection, Q.additions, ids), await _of(connection, Q.history, ids)
    messages = await _of(connection, Q.messages, ids)
    for complaint_id, lines in (await _feedback(connection, vault, person)).items():
        history[complaint_id] = sorted([*history[complaint_id], *lines], key=lambda line: str(line["at"]))
    return {
        "person_id": str(person.person_id),
        "made_at": _plain(told[0]["now"]),
        "complaints": [
            {
                **{name: _plain(row[name]) for name in _TOLD},
                "additions": additions[row["complaint_id"]],
                "history": history[row["complaint_id"]],
                "messages": messages[row["complaint_id"]],
            }
            for row in told
        ],
    }


async def _of(connection: Connection, query: str, ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in await connection.fetch(query, ids):
        found[row["complaint_id"]].append({name: _plain(row[name]) for name in dict(row) if name != "complaint_id"})
    return found


async def _feedback(connection: Connection, vault: Vault | None, person: Person) -> Mapping[UUID, list[dict[str, Any]]]:
    rows = await connection.fetch(Q.feedback, person.ids)
    if not rows or vault is None:
        return {}
    key = (await vault.keys_of([person.person_id])).get(person.person_id)
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        text = open_sealed(key, row["complaint_id"], row["field"], row["text"])
        said = None if isinstance(text, Erased) else text
        line = {"at": _plain(row["at"]), "what": "rated", "by": "customer", "department": None, "text": said}
        found[row["complaint_id"]].append(line)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return value
