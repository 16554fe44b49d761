"""The examples that ship: complaints of our own writing, one JSON object per line, a file per pack."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PACKS = ("retail", "bank")
OWN_FIELDS = frozenset({"id", "pack", "received_offset", "expect_department", "story"})
"""What an example says about itself; the rest of the line is the body that a channel posts."""


class Example(BaseModel):
    """One line of an examples file.

    Attributes:
        received_offset: how long before it is played the organisation received it (ISO 8601 duration).
        expect_department: who should own it, as a thoughtful person would say; not what the policy happens to do.
        story: number of the story in the service rules that it re-enacts; follow-up contacts share it.
        body: what a channel posts, without `received_at`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    pack: Literal["retail", "bank"]
    channel: Literal["web", "phone", "store"]
    received_offset: timedelta | None = None
    expect_department: str
    story: int | None = Field(default=None, ge=1, le=10)
    body: dict[str, Any]
    line: int
    raw: str


def examples_file(pack: str) -> Traversable:
    """The file of a pack's examples."""
    return resources.files("deploy.play").joinpath("examples", f"{pack}.jsonl")


def read_example(raw: str, line: int) -> Example:
    """Read one line of an examples file.

    Raises:
        ValueError: it is no example.
    """
    import json

    data = json.loads(raw)
    return Example(
        **{name: value for name, value in data.items() if name in OWN_FIELDS},
        channel=data.get("channel"),
        body={name: value for name, value in data.items() if name not in OWN_FIELDS},
        line=line,
        raw=raw.strip(),
    )


def load_examples(pack: str) -> tuple[Example, ...]:
    """All examples of a pack, in the order of the file: the ten stories first."""
    text = examples_file(pack).read_text(encoding="utf-8")
    return tuple(read_example(raw, line) for line, raw in enumerate(text.splitlines(), 1) if raw.strip())
