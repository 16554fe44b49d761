"""The short reference a person can read out on the phone: `R-4K7M-2XA9`.

Seven characters of an alphabet without look-alikes (no 0/O, 1/I/L, 2/Z stays with 2, 5/S, 6/G, 8/B, U/V, D, Q)
and one check character. The alphabet has 23 characters, a prime, so a weighted sum modulo 23 catches every single
wrong character and every swap of two neighbours.
"""

import re
import unicodedata

ALPHABET = "23456789ACEFHJKMNPRTWXY"
SPACE = len(ALPHABET) ** 7  # 3,404,825,447 references
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_STRIDE = 1_618_033_987  # coprime to 23, so n -> n * stride mod SPACE visits every reference once
_NOISE = re.compile(r"[\s\-‐-―_.,、，。]+")


class BadReference(ValueError):
    """The text is not a reference: wrong length, a character that is never used, or a wrong check character."""


def reference_of(number: int) -> str:
    """The reference of the `number`-th complaint. Neighbouring numbers look unrelated; no two are equal below `SPACE`."""
    if not 0 <= number < SPACE:
        raise BadReference(f"number {number} is outside 0..{SPACE - 1}")
    value = (number * _STRIDE) % SPACE
    body, weighted = "", 0
    for place in range(2, 9):  # as _check_character, on the way
        value, digit = divmod(value, len(ALPHABET))
        body += ALPHABET[digit]
        weighted += place * digit
    return f"R-{body[:4]}-{body[4:]}{ALPHABET[weighted % len(ALPHABET)]}"


def number_of(reference: str) -> int:
    """The number a canonical reference was made of: the inverse of `reference_of`."""
    value = 0
    for character in reversed(reference.replace("-", "")[1:8]):
        value = value * len(ALPHABET) + _VALUE[character]
    return (value * pow(_STRIDE, -1, SPACE)) % SPACE


def parse_reference(text: str) -> str:
    """The canonical form of a reference typed or dictated in any case, width or spacing.

    Raises:
        BadReference: with what is wrong, fit to show to the person who typed it.
    """
    code = _NOISE.sub("", unicodedata.normalize("NFKC", text)).upper()
    if len(code) == 9 and code.startswith("R"):
        code = code[1:]
    if len(code) != 8:
        raise BadReference("a reference has 8 characters after the R, like R-4K7M-2XA9")
    for character in code:
        if character not in _VALUE:
            raise BadReference(f"{character!r} is never used in a reference")
    if _check_character(code[:7]) != code[7]:
        raise BadReference("the last character does not fit the others: one of them was misheard or mistyped")
    return f"R-{code[:4]}-{code[4:]}"


def spell(reference: str) -> str:
    """The reference as it is read out, character by character: `R, 4, K, 7, M, 2, X, A, 9`."""
    return ", ".join(reference.replace("-", ""))


def _check_character(body: str) -> str:
    return ALPHABET[sum((place + 2) * _VALUE[c] for place, c in enumerate(body)) % len(ALPHABET)]
