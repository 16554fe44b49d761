"""The batch of a store that was offline: one bad entry must not cost the others, and each gets its own answer."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from services.intake.domain.complaint import Batch, BatchItem, Complaint
from services.intake.domain.faults import Fault, faults_of, in_language
from services.intake.handlers import Refusal
from services.intake.http.lean import parse_key
from services.intake.http.problems import document as problem
from services.intake.writer import Filed
from shared.events.envelope import Language

_BATCH: Final = TypeAdapter(Batch)
_ITEM: Final = TypeAdapter(BatchItem)
_ENTRIES: Final = TypeAdapter(dict[str, list[Any]])


@dataclass(frozen=True, slots=True)
class Good:
    """An entry that can be filed."""

    sent_key: str
    """Its key as it was sent, so that the sender finds the answer."""
    complaint: Complaint

    @property
    def key(self) -> UUID:
        """The key, however it is spelt."""
        return UUID(self.sent_key)


@dataclass(frozen=True, slots=True)
class Bad:
    """An entry that cannot be read; its key as it was sent, if that much could be read."""

    sent_key: str | None
    language: Language
    faults: tuple[Fault, ...]


def read(raw: bytes, named: Language | None, fallback: Callable[[], Language]) -> list[Good | Bad]:
    """The entries of a batch, in order.

    Args:
        raw: the body.
        named: the language of ours that the sender accepts by name; it comes before that of an entry.
        fallback: finds the language of faults in entries whose own language cannot be read.

    Raises:
        ValidationError: the batch itself is not one: no JSON, no list, too many entries, unknown fields beside it.
    """
    try:
        return [Good(item.idempotency_key, item) for item in _BATCH.validate_json(raw).complaints]
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        of_entries = [fault for fault in found if len(fault["loc"]) > 1]
        for fault in found:
            # About the batch, not about an entry. Where every entry is bad, pydantic counts none: "too short".
            if len(fault["loc"]) < 2 and not (of_entries and fault["type"] == "too_short"):
                raise
    otherwise = fallback()
    return [_read_one(entry, named, otherwise) for entry in _ENTRIES.validate_json(raw)["complaints"]]


def result(index: int, entry: Good | Bad, outcome: Filed | Refusal | None, named: Language | None) -> str:
    """What became of one entry, as JSON; a refusal in the language `named`, else in that of the entry."""
    head = f'{{"index":{index},"idempotency_key":{json.dumps(entry.sent_key)}'
    if isinstance(outcome, Filed):
        marked = ',"replayed":true' if outcome.replayed else ""
        return f'{head},"status":201{marked},"complaint":{outcome.answer}}}'
    if isinstance(entry, Bad):
        missing = {fault.pointer for fault in entry.faults} == {"/idempotency_key"}
        said = problem("idempotency-key-missing" if missing else "invalid", entry.language, entry.faults)
    else:
        assert isinstance(outcome, Refusal)
        spoken = named or entry.complaint.language
        said = problem(outcome.slug, spoken, in_language(outcome.faults, spoken))
    return f'{head},"status":{said["status"]},"problem":{json.dumps(said, ensure_ascii=False)}}}'


def document(results: Iterable[str]) -> str:
    """The whole answer."""
    return f'{{"results":[{",".join(results)}]}}'


def _read_one(entry: Any, named: Language | None, fallback: Language) -> Good | Bad:
    try:
        item = _ITEM.validate_json(json.dumps(entry))
    except ValidationError as error:
        told: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
        own: Language = told["language"] if told.get("language") in ("zh", "en") else fallback
        language, key = named or own, told.get("idempotency_key")
        legible = isinstance(key, str) and parse_key(key) is not None
        return Bad(key if legible else None, language, faults_of(error, language))
    return Good(item.idempotency_key, item)
