"""What a message says, before it has a shape: the values that the templates put into words."""

import unicodedata

from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.timewords import Language, Spoken
from services.notifier.domain.values import value

_KEPT_CONTROLS = frozenset("\n\t")


@value
class Letter:
    """One message to one customer.

    Attributes:
        organisation: who writes, from the policy pack.
        name: how the customer is addressed; empty when unknown.
        department: the owning department as customers know it; empty when not yet decided.
        due: when the customer gets an answer; for a delay the new date.
        former_due: for a delay, the date that is not kept.
        answer_due: until when the customer is asked to answer or to confirm.
        promise_due: the date of a promise.
        text: words of the department (progress, question, reason, promise, resolution), as clean plain text.
        variant: how a closure came about (`confirmed`, `no_answer`, `merged`), `no_answer` of a question, or that a
            delay is one of a `promise`.
        signature: who signs; the organisation when empty.
        remedy: the remedy in words.
        link: the private progress page.
        subject: the company's own subject line in place of the built-in one.
    """

    kind: NoticeKind
    language: Language
    organisation: str
    reference: str
    link: str
    name: str = ""
    department: str = ""
    previous_department: str = ""
    due: Spoken | None = None
    former_due: Spoken | None = None
    answer_due: Spoken | None = None
    promise_due: Spoken | None = None
    text: str = ""
    variant: str = ""
    remedy: str = ""
    signature: str = ""
    subject: str = ""


def clean(text: str) -> str:
    """Staff's or a customer's words, fit for a mail: no control or direction characters, line feeds as the only line ends.

    Direction overrides (U+202A–E, U+2066–9) can make an address or a sum read backwards (promises.md T4).
    """
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    if kept.isascii() and kept.isprintable():
        return kept.strip()
    return "".join(c for c in kept if c in _KEPT_CONTROLS or unicodedata.category(c) not in _UNWANTED).strip()


_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
