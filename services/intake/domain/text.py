"""Text as people type it, made safe to keep: NFC, no control characters, outer space removed."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from shared.text import has_content, one_line_end

# C0 without tab and line feed (carriage returns are folded first), DEL and C1, and the non-characters.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
# A line of text also refuses every line break and the marks that reorder what is displayed (bidi overrides), because
# such lines end up in subjects, lists and greetings.
_NOT_ON_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def clean_text(value: str) -> str:
    """Several lines of free text: NFC, outer space stripped.

    Raises:
        PydanticCustomError: `control_character` or `blank`.
    """
    text = value.strip()
    if not has_content(text):
        raise PydanticCustomError("blank", "blank text")
    # The quick answer for one line; `isprintable` is false for line breaks, so look closer.
    if not text.isprintable() and _CONTROL.search(text):
        raise PydanticCustomError("control_character", "control character")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def clean_line(value: str) -> str:
    """One line of text, such as a name or a title: as `clean_text`, and no line break.

    Raises:
        PydanticCustomError: `control_character` or `blank`.
    """
    text = value.strip()
    if not has_content(text):
        raise PydanticCustomError("blank", "blank text")
    if not text.isprintable() and _NOT_ON_A_LINE.search(text):
        raise PydanticCustomError("control_character", "control character")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


Story = Annotated[
    str, StringConstraints(min_length=1, max_length=10_000), BeforeValidator(one_line_end), AfterValidator(clean_text)
]
"""What the customer tells: 1..10,000 characters, a line end being one."""

Title = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(clean_line)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(clean_line)]
Note = Annotated[
    str, StringConstraints(min_length=1, max_length=2_000), BeforeValidator(one_line_end), AfterValidator(clean_text)
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(clean_line)]
"""A short answer on one line: hours of call-back, a relation."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,63}$", max_length=64)]
"""A store or order number of the caller's own system."""

CodeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:/+-]{0,63}$", max_length=64)]
"""A name from policy, such as a category or a department."""
