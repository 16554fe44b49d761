"""The history of a case in words."""

from collections.abc import Callable, Container, Mapping
from datetime import datetime
from typing import Any

from services.router.http.views import name_of
from shared.policies.packs import Packs

Say = Callable[..., str]
_KINDS = {
    "breached": "late",
    "escalated": "late",
    "notice_failed": "late",
    "confirmed": "settled",
    "confirmation_recorded": "settled",
    "closed": "settled",
    "warned": "todo",
    "note": "todo",
}
_CUSTOMER = frozenset(
    {
        "submitted", "amended", "customer_added", "customer_replied", "disputed", "confirmed", "withdrawn", "feedback",
        "answer_recorded", "dispute_recorded",
    }
)  # fmt: skip
_INTERNAL = frozenset(
    {"note", "assign_reason", "transfer_offered", "transfer_declined", "transfer_withdrawn", "confirmation_recorded"}
)


def items(
    lines: list[dict[str, Any]], language: str, customers: str, packs: Packs, t: Say, titles: Container[str]
) -> list[dict[str, Any]]:
    """The lines for the `timeline` macro, newest first.

    Args:
        lines: as the staff API shows them.
        language: of the page.
        customers: the customer's language, for the `lang` of their words.
        packs: for the names of departments.
        t: says a text in the page's language.
        titles: the keys that it knows.
    """
    shown = [_item(line, language, customers, packs, t, titles) for line in lines]
    shown.reverse()
    if shown:
        shown[0]["kind"] = shown[0]["kind"] or "now"
    return shown


def _item(
    line: Mapping[str, Any], language: str, customers: str, packs: Packs, t: Say, titles: Container[str]
) -> dict[str, Any]:
    what, detail = line["what"], dict(line["detail"])

    def department(name: str | None) -> str:
        return name_of(name, packs)[language] if name else ""

    values = {
        "to": department(detail.get("to")),
        "from": department(detail.get("from")),
        "by": department(detail.get("by")),
        "wanted": department(detail.get("wanted")),
        "department": department(line["department"]),
        "who": who(line["who"], t),
        "rating": detail.get("rating", ""),
    }
    return {
        "title": _title(what, detail, values, t, titles),
        "at": datetime.fromisoformat(line["at"]) if line["at"] else None,
        "until": _until(detail),
        "text": line["text"],
        "kind": _KINDS.get(what, ""),
        "lang": ("zh-Hans" if customers == "zh" else "en") if what in _CUSTOMER else None,
        "internal": what in _INTERNAL,
        "who": values["who"],
    }


def _title(what: str, detail: Mapping[str, Any], values: Mapping[str, Any], t: Say, titles: Container[str]) -> str:
    if what == "assigned":
        return t(f"story.assigned.{detail.get('how', 'policy')}", to=values["to"])
    if what == "resolution_proposed" and detail.get("again"):
        return t("story.resolution_proposed_again")
    if what == "closed":
        return t(f"story.closed.{detail.get('how', 'confirmed')}")
    if what == "transfer_offered" and detail.get("arbitration"):
        return t("story.arbitration_asked", who=values["who"], **{"from": values["department"]})
    if what in {"breached", "warned"}:
        return t(f"story.{what}", clock=t(f"clock.{detail['clock']}"))
    if what == "escalated":
        lead = detail.get("to") == "lead"
        to = t("story.to_lead", department=values["department"]) if lead else values["to"]
        return t("story.escalated", to=to, clock=t(f"clock.{detail['clock']}"))
    if what == "notice_failed":
        return t("story.notice_failed")
    if what == "submitted":
        return t("story.submitted", channel=t(f"channel.{detail['channel']}"))
    if f"story.{what}" not in titles:  # a copy of a newer version wrote it, while one after the other is upgraded
        return t("story.other")
    return t(f"story.{what}", **values)


def _until(detail: Mapping[str, Any]) -> datetime | None:
    due = detail.get("new_due_at") or detail.get("due_at")
    return datetime.fromisoformat(due) if due else None


def who(actor: str, t: Say) -> str:
    """Who did it, in words: a colleague by user name, everything else by what it is."""
    kind, _, name = actor.partition(":")
    return name if name else t(f"story.who.{kind}")
