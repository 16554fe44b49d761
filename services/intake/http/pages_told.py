"""From what was typed into a page to a complaint, and from what is refused back to the field it was typed into. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from services.intake.domain.complaint import Complaint
from services.intake.domain.contact import NOBODY, Taker
from services.intake.domain.faults import Fault, faults_of
from services.intake.domain.reach import reach
from shared.runtime.web.texts import LANGUAGES, Catalogue, Language

WANTED = (
    "refund",
    "exchange",
    "repair",
    "store_credit",
    "compensation",
    "correction",
    "explanation",
    "apology",
    "other",
)
"""The remedies a page offers (S28), the most asked for first."""

FACTS = ("when", "where", "condition", "witness", "before")
"""The facts that decide a case (S15), as the call form asks for them."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,63}")
_FIELD_OF: Mapping[str, str] = {
    "/text": "text",
    "/category": "category",
    "/store_id": "store",
    "/order_id": "order",
    "/wanted": "wanted",
    "/repeat_of": "repeat_of",
    "/customer/name": "name",
    "/customer/email": "email",
    "/customer/phone": "phone",
    "/on_behalf_of/name": "on_behalf",
    "/on_behalf_of/relation": "relation",
    "/call_back/number": "call_back",
    "/call_back/hours": "hours",
}

Page = Literal["file", "agent"]
_ANSWERS = ("yes", "no")
_OFFERED = "agent.next_step.default"
LONGEST: Mapping[Page, int] = {"file": 9_000, "agent": 8_000}
"""Characters of the story on a page: what is asked beside it becomes lines below it, and both are one text."""
_NAMES: Mapping[tuple[Page, str], str] = {
    ("file", "text"): "file.step.what",
    ("file", "category"): "file.step.about",
    ("file", "wanted"): "file.step.wanted",
    ("file", "repeat_of"): "file.earlier.name",
    ("agent", "repeat_of"): "agent.known.title",
}
"""What a field is called beside an error, where its label is a question or has another key."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a form came to: a complaint, or else what is wrong, by field and in the order of the form."""

    complaint: Complaint | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToldStore:
    """The shop as a form tells it: chosen from the pack's list, by id, and in words where the list has none of it."""

    chosen: str = ""
    words: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str], stores: Collection[str]) -> "ToldStore":
        """Whatever a page with a list or without one, of today or of before, has sent; nothing of it is lost."""
        typed = [form["store"], form["store_other"]]
        chosen = typed.pop(0) if typed[0] in stores else ""
        return cls(chosen, " · ".join(dict.fromkeys(filter(None, typed))))

    @property
    def number(self) -> str:
        """What is filed as the store: the chosen one, else the words where they may be a number of its own."""
        return self.chosen or (self.words if _IDENTIFIER.fullmatch(self.words) else "")

    @property
    def line(self) -> str:
        """What becomes a line of the story, because it is no number."""
        return self.words if self.words != self.number else ""


def from_public(
    form: Mapping[str, str],
    texts: Catalogue,
    spoken: Language,
    taker: Taker = NOBODY,
    stores: Collection[str] = (),
) -> Understood:
    """The complaint a customer typed into `/file`; `stores` are ids of the pack. Errors are in the language of the page.

    Whoever leaves an address for the receipt and news of their own complaint asks for them; a tick says no (`quiet`).
    """
    errors: dict[str, str] = {}
    if not form["text"]:
        errors["text"] = texts.say("file.text.missing", spoken)
    errors |= _too_long("file", form, texts, spoken)
    anonymous = form["anonymous"] == "yes"
    if not (form["email"] or form["phone"] or anonymous):
        errors["email"] = texts.say("file.contact.missing", spoken)
    language = _language(form["answer_in"], spoken)
    store = ToldStore.of(form, stores)
    lines = [("file.composed.store", store.line)]
    if not _IDENTIFIER.fullmatch(form["order"]):
        lines.append(("file.composed.order", form["order"]))
    told = _told(form, language, store) | {
        "channel": "web",
        "text": _composed(form["text"], lines, texts, language),
        "customer": {} if anonymous else _present(form, "name", "email", "phone"),
        "consent": form["quiet"] != "yes" and not anonymous,
    }
    if not anonymous and form["phone"] and form["hours"]:
        told["call_back"] = {"number": form["phone"], "hours": form["hours"]}
    return _understand(told, errors, "file", form, texts, spoken, taker)


def from_agent(
    form: Mapping[str, str],
    texts: Catalogue,
    spoken: Language,
    taker: Taker = NOBODY,
    stores: Collection[str] = (),
    *,
    gone: str | None = None,
) -> Understood:
    """The complaint an agent took down in `/agent`: the deciding facts and the next step become lines of the text.

    Args:
        form: what was typed.
        texts: the words of the pages.
        spoken: the agent's language.
        taker: the pack that is told.
        stores: ids of the pack's stores.
        gone: a time in the next step that has passed, in its own words.
    """
    errors: dict[str, str] = {}
    if not form["text"]:
        errors["text"] = texts.say("agent.text.missing", spoken)
    errors |= _too_long("agent", form, texts, spoken)
    store = ToldStore.of(form, stores)
    if form["channel"] == "store" and store == ToldStore():
        errors["store"] = texts.say("agent.store.missing", spoken)
    if not form["next_step"]:
        errors["next_step"] = texts.say("agent.next_step.missing", spoken)
    if gone:
        errors["next_step"] = texts.say("agent.next_step.passed", spoken, said=gone)
    if form["consent"] not in _ANSWERS and any(form[name] for name in ("phone", "email", "call_back")):
        errors["consent"] = texts.say("agent.consent.missing", spoken)
    language = _language(form["customer_language"], spoken)
    lines = [(f"agent.composed.{fact}", form[f"fact_{fact}"]) for fact in FACTS]
    lines.append(("file.composed.store", store.line))
    if not _IDENTIFIER.fullmatch(form["order"]):
        lines.append(("agent.composed.order", form["order"]))
    lines.append(("agent.composed.next_step", next_step_of(form, texts, spoken, language)))
    told = _told(form, language, store) | {
        "channel": "store" if form["channel"] == "store" else "phone",
        "text": _composed(form["text"], lines, texts, language),
        "customer": _present(form, "name", "email", "phone"),
        "consent": form["consent"] == "yes",
    }
    if form["on_behalf"]:
        told["on_behalf_of"] = {"name": form["on_behalf"], **_present(form, "relation")}
    if form["call_back"] or form["hours"] or form["call_back_language"]:
        number = form["call_back"] or form["phone"]
        wishes = {"number": number, "hours": form["hours"], "language": form["call_back_language"]}
        told["call_back"] = {name: wish for name, wish in wishes.items() if wish}
    return _understand(told, errors, "agent", form, texts, spoken, taker)


def errors_of(
    faults: tuple[Fault, ...], page: Page, form: Mapping[str, str], texts: Catalogue, spoken: Language
) -> dict[str, str]:
    """Faults of the request model by the field of the page they belong to; the first of each field, with its name."""
    found: dict[str, str] = {}
    for fault in faults:
        field = _FIELD_OF.get(fault.pointer, "text")
        if field == "call_back" and (page == "file" or not form["call_back"]):
            field = "phone"  # the only number that was typed
        name = texts.say(_NAMES.get((page, field), f"{page}.{field}.label"), spoken)
        wrong = fault.detail[:1].lower() + fault.detail[1:]
        found.setdefault(field, texts.say("file.wrong", spoken, field=name, wrong=wrong))
    return found


def _too_long(page: Page, form: Mapping[str, str], texts: Catalogue, spoken: Language) -> dict[str, str]:
    length, limit = len(form["text"]), LONGEST[page]
    return {"text": texts.say("file.text.too_long", spoken, length=length, limit=limit)} if length > limit else {}


def _told(form: Mapping[str, str], language: Language, store: ToldStore) -> dict[str, Any]:
    """What both forms have in common."""
    told: dict[str, Any] = {"language": language, "about_staff": form["about_staff"] == "yes"}
    told |= _present(form, "category", "wanted", "repeat_of")
    if store.number:
        told["store_id"] = store.number
    if _IDENTIFIER.fullmatch(form["order"]):
        told["order_id"] = form["order"]
    return told


def _present(form: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: form[name] for name in names if form[name]}


def _language(wish: str, otherwise: Language) -> Language:
    return "zh" if wish == "zh" else "en" if wish == "en" else otherwise


def _composed(text: str, lines: list[tuple[str, str]], texts: Catalogue, language: Language) -> str:
    """The story, and below it what was asked beside it, each on a line with its name."""
    said = [texts.say(key, language, value=value) for key, value in lines if value]
    return "\n\n".join(part for part in (text, "\n".join(said)) if part)


def next_step_of(form: Mapping[str, str], texts: Catalogue, spoken: Language, language: Language) -> str:
    """The next step as told. The sentence the form offers is said in `language`, and as it is true of this customer: one
    whom nobody comes back to has to ring.
    """
    typed = form["next_step"]
    if typed not in {texts.say(_OFFERED, one) for one in LANGUAGES}:
        return typed
    heard = reach(
        address=bool(form["email"]), number=bool(form["phone"] or form["call_back"]), consent=form["consent"] == "yes"
    )
    return texts.say("agent.next_step.alone" if heard == "self" else _OFFERED, language)


def _understand(
    told: dict[str, Any],
    errors: dict[str, str],
    page: Page,
    form: Mapping[str, str],
    texts: Catalogue,
    spoken: Language,
    taker: Taker,
) -> Understood:
    try:
        complaint = Complaint.model_validate(told, context=taker)
    except ValidationError as error:
        found = errors_of(faults_of(error, spoken), page, form, texts, spoken)
        return Understood(errors={**found, **errors})
    return Understood(errors=errors) if errors else Understood(complaint=complaint)
