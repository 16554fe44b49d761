"""What was taken though not all of it can be used: said in the 201, so that whoever files it can mend it in time."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from itertools import islice

from services.intake.domain.admission import Known
from services.intake.domain.complaint import Complaint
from services.intake.domain.reach import is_lost
from services.intake.domain.wording import WARNINGS
from shared.events.envelope import Language

_NAMED = 30  # of the ids there are, as many as a warning names


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001  the name of the contract
    """One thing that was kept and is not used, or that leaves somebody without an answer.

    Attributes:
        code: closed (`wording.WARNINGS`).
        field: dotted, as in the request: `call_back.number`.
        detail: in the complaint's language.
    """

    code: str
    field: str
    detail: str


def warnings_of(complaint: Complaint, known: Known) -> tuple[Warning, ...]:
    """The warnings of a complaint, as told, about what the pack does not know."""
    call_back, found = complaint.call_back, []
    for code, name, told, ids in (
        ("unknown_category", "category", complaint.category, known.categories),
        ("unknown_department", "about_department", complaint.about_department, known.departments),
        ("unknown_store", "store_id", complaint.store_id, known.stores),
    ):
        if told is not None and ids is not None and told not in ids:
            found.append(_warning(code, name, complaint.language, ids))
    if call_back is not None and not (complaint.customer.phone or call_back.number):
        found.append(_warning("no_number", "call_back.number", complaint.language))
    if is_lost(complaint):
        found.append(_warning("unreachable", "customer", complaint.language))
    return tuple(found)


def in_json(warnings: Collection[Warning]) -> str:
    """As they stand in the 201; the same bytes for the same warnings."""
    return (
        json.dumps([asdict(one) for one in warnings], ensure_ascii=False, separators=(",", ":")) if warnings else "[]"
    )


def _warning(code: str, field: str, language: Language, allowed: Collection[str] = ()) -> Warning:
    texts = WARNINGS[code]
    text = texts.zh if language == "zh" else texts.en
    named = ("、" if language == "zh" else ", ").join(islice(allowed, _NAMED))
    return Warning(code, field, text.format(allowed=named + (" …" if len(allowed) > _NAMED else "")))
