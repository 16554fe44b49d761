"""What was taken though not all of it can be used: said in the 201, so that whoever files it can mend it in time."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass

from services.intake.domain.complaint import Complaint
from services.intake.domain.reach import is_lost
from services.intake.domain.wording import WARNINGS
from shared.events.envelope import Language


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


def warnings_of(
    complaint: Complaint, categories: Collection[str] | None, departments: Collection[str] | None
) -> tuple[Warning, ...]:
    """The warnings of a complaint.

    Args:
        complaint: as told.
        categories: ids that the pack knows; none where the pack is not known here.
        departments: the same of its departments.
    """
    call_back, found = complaint.call_back, []
    if complaint.category is not None and categories is not None and complaint.category not in categories:
        found.append(_warning("unknown_category", "category", complaint.language, categories))
    about = complaint.about_department
    if about is not None and departments is not None and about not in departments:
        found.append(_warning("unknown_department", "about_department", complaint.language, departments))
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
    return Warning(code, field, text.format(allowed=("、" if language == "zh" else ", ").join(sorted(allowed))))
