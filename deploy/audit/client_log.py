"""The client's own log of HTTP answers: what a channel was told, one JSON object per line, for the auditor (I1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from deploy.stack.errors import StackError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to a filed complaint, or the lack of one.

    Attributes:
        client: name of the channel client, if known; idempotency keys are scoped to it.
        key: the idempotency key.
        status: HTTP status; None when no answer came (the complaint may or may not exist then).
        complaint_id: as answered with 201.
        reference: as answered with 201.
    """

    client: str | None
    key: UUID
    status: int | None
    complaint_id: UUID | None = None
    reference: str | None = None

    def line(self) -> str:
        """The JSON line."""
        said = {name: str(v) if isinstance(v, UUID) else v for name, v in asdict(self).items()}
        return json.dumps({"idempotency_key": said.pop("key"), **said}) + "\n"

    @classmethod
    def read(cls, line: str) -> Self:
        """Parse a JSON line.

        Raises:
            ValueError: it is no such line.
        """
        data = json.loads(line)
        found = data.get("complaint_id")
        return cls(
            client=data.get("client"),
            key=UUID(data["idempotency_key"]),
            status=data.get("status"),
            complaint_id=UUID(found) if found else None,
            reference=data.get("reference"),
        )


class ClientLog:
    """Appends answers to a file as they come."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def add(self, answer: Answer) -> None:
        """Write one line."""
        self._file.write(answer.line())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_client_log(path: Path) -> Iterator[Answer]:
    """Every answer of a log.

    Raises:
        StackError: the file cannot be read, or a line is no answer.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}", "Name the JSON Lines file of a client") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield Answer.read(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise StackError(
                    f"{path} line {number} is no answer", 'Lines look like {"idempotency_key", "status", …}'
                ) from None
