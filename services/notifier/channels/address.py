"""Mail addresses: only what can be nothing but one address."""

import re
from email.errors import HeaderParseError
from email.headerregistry import Address

_MAX = 254  # RFC 5321 §4.5.3.1.3: a path has at most 256 characters with its angle brackets
_MAX_LOCAL = 64
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
# A subset of what `email.headerregistry.Address` takes (a test holds this); the parser costs 50 times more.


class BadAddress(ValueError):
    """Not one plain mail address. The message never quotes it."""


def parse_address(text: str) -> str:
    """One address, as it may stand in an envelope and in a header.

    International domains are turned into their ASCII form; a local part beyond ASCII is refused, since it would
    need SMTPUTF8 all the way to the mailbox.

    Raises:
        BadAddress: lists, names, comments, angle brackets, CR/LF and whatever else is not a single addr-spec.
    """
    if len(text) <= _MAX and _PLAIN.fullmatch(text) and len(text.partition("@")[0]) <= _MAX_LOCAL:
        return text
    return _parse_odd(text)


def _parse_odd(text: str) -> str:
    if not text or len(text) > _MAX or not text.isprintable() or " " in text or "<" in text or ">" in text:
        raise BadAddress("not a single plain address")
    try:
        address = Address(addr_spec=text)
        domain = address.domain.encode("idna").decode("ascii") if not address.domain.isascii() else address.domain
    except (HeaderParseError, IndexError, ValueError, UnicodeError):
        raise BadAddress("not a single plain address") from None
    if f"{address.username}@{address.domain}" != text or not address.username.isascii() or domain[:1] in ("", "["):
        raise BadAddress("a comment, a literal, or a name outside ASCII cannot be reached")
    if len(address.username) > _MAX_LOCAL or len(text) > _MAX:
        raise BadAddress("too long")
    return f"{address.username}@{domain}"
