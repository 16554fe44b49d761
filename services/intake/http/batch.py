"""The batch of a store that was offline: one bad entry must not cost the others, and each gets its own answer."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from services.intake.domain.complaint import Batch, BatchItem, Complaint
from services.intake.domain.contact import Taker
from services.intake.domain.faults import Fault, in_language
from services.intake.handlers import Refusal
from services.intake.http.exact_json import entries_of, faults_in, is_exact, told_in, why_invalid
from services.intake.http.lean import parse_key
from services.intake.http.problems import document as problem
from services.intake.writer import Filed
from shared.events.envelope import Language

_BATCH: Final = TypeAdapter(Batch)
_ITEM: Final = TypeAdapter(BatchItem)
_ENTRIES: Final = TypeAdapter(dict[str, list[Any]])
_KEY_MARKS: Final = 2
"""Quotation marks of a batch that belong to none of its entries: those around `complaints`."""


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


def read(raw: bytes, named: Language | None, fallback: Callable[[], Language], context: Taker) -> list[Good | Bad]:
    """The entries of a batch, in order.

    Args:
        raw: the body.
        named: the language of ours that the sender accepts by name; it comes before that of an entry.
        fallback: finds the language of faults in entries whose own language cannot be read.
        context: what the models have to know of the sender.

    Raises:
        ValidationError: the batch itself is not one: no list, too many entries, unknown fields beside it, or no JSON
            outside of its entries.
    """
    try:
        items = _BATCH.validate_json(raw, context=context).complaints
        pieces = None if is_exact(raw, *items, around=_KEY_MARKS) else entries_of(raw)
        if pieces is None:
            return [Good(item.idempotency_key, item) for item in items]
    except ValidationError as error:
        pieces = entries_of(raw)
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if pieces is None or found[0]["type"] != "json_invalid":
            _refuse_whole(error, found)
    otherwise = fallback()
    if pieces is None:
        pieces = [json.dumps(entry).encode() for entry in _ENTRIES.validate_json(raw)["complaints"]]
    return [_read_one(piece, named, otherwise, context) for piece in pieces]


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


def _refuse_whole(error: ValidationError, found: Sequence[Any]) -> None:
    """Raise what is about the batch, not about an entry. Where every entry is bad, pydantic counts none: "too short"."""
    of_entries = any(len(fault["loc"]) > 1 for fault in found)
    for fault in found:
        if len(fault["loc"]) < 2 and not (of_entries and fault["type"] == "too_short"):
            raise error


def _read_one(raw: bytes, named: Language | None, fallback: Language, context: Taker) -> Good | Bad:
    try:
        item = _ITEM.validate_json(raw, context=context)
    except ValidationError as error:
        told = told_in(raw)
        own: Language = told["language"] if told.get("language") in ("zh", "en") else fallback
        language, key = named or own, told.get("idempotency_key")
        legible = isinstance(key, str) and parse_key(key) is not None
        return Bad(key if legible else None, language, why_invalid(raw, error, language))
    language = named or item.language
    if not is_exact(raw, item) and (faults := faults_in(raw, language)):
        return Bad(item.idempotency_key, language, faults)
    return Good(item.idempotency_key, item)
