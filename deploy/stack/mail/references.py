"""Which complaints a message is about: the references in its subject."""

from __future__ import annotations

import email.policy
import re
from email.parser import BytesHeaderParser
from typing import Final

from shared.events.reference import ALPHABET

REFERENCE: Final = re.compile(f"R-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")
_PARSER: Final = BytesHeaderParser(policy=email.policy.default)


def references_in(content: bytes) -> frozenset[str]:
    """The references in the subject of a message; none where it cannot be read."""
    head = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    try:
        return frozenset(REFERENCE.findall(str(_PARSER.parsebytes(head).get("Subject", ""))))
    except (ValueError, LookupError, IndexError, AttributeError):  # the standard library stumbles over odd headers
        return frozenset(REFERENCE.findall(head.decode("ascii", "replace")))
