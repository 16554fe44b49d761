"""When a person may be erased, and who says so."""

from collections.abc import Iterable
from enum import Enum
from typing import Literal

State = Literal["asked", "approved", "blanked", "done", "declined"]
"""Where an erasure is; what each means stands in the migration that makes the table."""


class No(Enum):
    """Why a person is not erased."""

    HELD = "held"  # a legal hold
    OTHER_PACK = "other_pack"  # has complaints in another company's pack: the operator's matter
    SAME_PERSON = "same_person"  # whoever asked does not approve
    ERASED = "erased"  # already


def refusal(*, held: Iterable[str | None], blank: Iterable[bool]) -> No | None:
    """Why a person cannot be erased, or None.

    Args:
        held: of each complaint, why it is held.
        blank: of each complaint, whether it is blank already.
    """
    if any(why is not None for why in held):
        return No.HELD
    return No.ERASED if all(blank) else None


def may_approve(*, asked_by: str, approver: str, second_person: bool) -> bool:
    """Whether somebody may let an erasure be carried out: not who asked for it, where policy wants a second person."""
    return not second_person or asked_by != approver
