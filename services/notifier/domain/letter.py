"""What a message says, before it has a shape: the values that the templates put into words."""

import re
import unicodedata

from services.notifier.domain.kinds import NoticeKind
from services.notifier.domain.timewords import Language, Spoken
from services.notifier.domain.values import value
from shared.text import has_content, kept


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
        speaker: the department whose words they are, which may have handed the complaint over since.
        variant: how a closure came about (`confirmed`, `no_answer`, `merged`), `no_answer` of a question, that a delay is
            one of a `promise`, or that a transfer was decided by the complaints office (`arbitration`).
        signature: who signs; the organisation when empty.
        contact: how else the company is reached, on one line; empty when the pack does not say.
        remedy: the remedy in words.
        link: the private progress page.
        subject: the company's own subject line in place of the built-in one.
        beyond_holidays: a date it tells lies behind the last day whose holidays are known.
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
    speaker: str = ""
    variant: str = ""
    remedy: str = ""
    signature: str = ""
    contact: str = ""
    subject: str = ""
    beyond_holidays: bool = False


def greeted(name: str) -> str:
    """The name in the greeting; empty where what stands in its place is none.

    Whoever fills in a form chooses the address and the "name" of our mail: links, addresses and numbers in it would make
    the mail another's advertisement, sent by us; mail programs make links of addresses in any script, and with the full
    stops of 中文. Such a customer is greeted without a name.
    """
    if name.replace(" ", "").isalpha():  # most names: nothing to clean, and no address
        name = " ".join(name.split())
        return name[:_MAX_NAME] if has_content(name) else ""
    name = " ".join(kept(name).split())
    told = _TITLE.sub("", unicodedata.normalize("NFKC", name).replace("\u3002", "."))
    return "" if _NO_NAME.search(told) or not has_content(name) else name[:_MAX_NAME]


_MAX_NAME = 60
_TITLE = re.compile(r"\b(?:mr|mrs|ms|dr|prof|st|jr|sr)\.", re.IGNORECASE)
_NO_NAME = re.compile(r"[:/@#$€£¥%<>]|www\.|\.[^\W\d_]{2}|(?:\d.*){4}", re.IGNORECASE)
