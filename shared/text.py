"""What people type: whether there is anything to see, and which characters are kept. Pure."""

import unicodedata

_EMPTY_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are drawn as nothing: Hangul fillers, the braille pattern without a dot."""
_SEEN = frozenset("LNPS")
_SEEN_TOO = frozenset({"Mc", "Co", "Cn"})
"""Private use and what this Python's tables do not know yet are characters of somebody's name (rare Han, new emoji)."""
_DROPPED = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufff9\ufffa\ufffb\ufffe\uffff")
_BREAKS = frozenset("\n\t")


def has_content(text: str) -> bool:
    """Whether a text shows anything: at least one character that is neither space nor drawn as nothing.

    Marks alone, zero-width characters (U+200B, U+2060, U+FE0F, tags …) and empty letters are nothing to read or to answer.
    """
    if text.isascii():
        return bool(text.strip())
    return any(map(_shows, text))


def _shows(character: str) -> bool:
    kind = unicodedata.category(character)
    return (kind[0] in _SEEN or kind in _SEEN_TOO) and character not in _EMPTY_LETTERS


def one_line_end(text: object) -> object:
    """A text with line feeds as its only line ends, so that each counts as the one character that was typed; whatever is
    no text, as it is.
    """
    if isinstance(text, str) and "\r" in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def kept(text: str) -> str:
    """A text fit for mails and pages: line feeds as the only line ends, no control characters, none that reorder what is
    shown (U+202A–E and U+2066–9 can make an address or a sum read backwards, promises.md T4).

    Whatever else people type stays: joiners of families and of scripts, private use, characters newer than our tables.
    """
    folded = str(one_line_end(text))
    if folded.isascii() and folded.isprintable():
        return folded.strip()
    return "".join(c for c in folded if _is_kept(c)).strip()


def _is_kept(character: str) -> bool:
    if character in _DROPPED:
        return False
    return character in _BREAKS or unicodedata.category(character) not in {"Cc", "Cs"}
