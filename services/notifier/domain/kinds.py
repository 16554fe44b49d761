"""The kinds of notice, and what the policy file calls them."""

from collections.abc import Mapping
from typing import Literal, get_args

NoticeKind = Literal[
    "acknowledgement",
    "assignment",
    "transfer",
    "progress",
    "question",
    "answer_received",
    "delay",
    "promise",
    "resolution",
    "closure",
    "reopened",
    "reminder_answer",
    "reminder_confirmation",
    "withdrawn",
]
KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)

POLICY_NAME: Mapping[NoticeKind, str] = {
    "answer_received": "progress",
    "reminder_answer": "reminder",
    "reminder_confirmation": "reminder",
    "withdrawn": "closure",
}
"""The name in `notices.yaml` where it differs: a company switches these off together with their neighbours."""


def policy_name(kind: NoticeKind) -> str:
    """The name under which `notices.yaml` switches this kind on or off."""
    return POLICY_NAME.get(kind, kind)
