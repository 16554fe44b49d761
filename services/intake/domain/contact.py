"""Ways to reach a person, in one spelling each, so that the same person is found again.

E-mail: the addresses of RFC 5321 §4.1.2 without quoted local parts, comments and literals (nobody's customers have
those, and mail libraries have been attacked through them). Phone: E.164, by the patterns of libphonenumber.
A pattern compiled from the library's own metadata answers for the region's mobile numbers, which are nearly all of
them, at a hundredth of the cost of the library; what it does not match, the library judges.
"""

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata
from pydantic_core import PydanticCustomError

DEFAULT_REGION = "CN"
"""Numbers without a country code are read as numbers of this region (ISO 3166), unless the pack says another one."""

_OF_MACHINES = frozenset({"mailer-daemon", "postmaster", "double-bounce"})
"""Mailboxes that mail systems answer from (RFC 5321 §4.5.1, RFC 3834): no customer reads what comes there."""


@dataclass(frozen=True, slots=True)
class Taker:
    """Whoever is told: whose region a number without a country code is of, and which addresses are our own."""

    region: str = DEFAULT_REGION
    own_addresses: Set[str] = frozenset()


NOBODY = Taker()

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(
    rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?:[A-Za-z]{{2,63}}|xn--[A-Za-z0-9-]{{1,59}})"
)
_SEPARATORS = str.maketrans("", "", " -().\u00a0\u2010\u2011\u2012\u2013\u2014\u3000")
_LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3: a path of 256 with its angle brackets


def normalise_email(value: str) -> str:
    """The address as it is written to: full-width forms folded, domain in lower case.

    Raises:
        PydanticCustomError: `email` when it is not one plain address.
    """
    address = value.strip()
    if not address.isascii():
        address = unicodedata.normalize("NFKC", address)
    if len(address) > _LONGEST_ADDRESS or not _EMAIL.fullmatch(address):
        raise PydanticCustomError("email", "not an e-mail address")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def customers_email(value: str, own_addresses: Set[str] = frozenset()) -> str:
    """The address of a customer: neither ours, which would write to itself, nor a mail system's.

    Raises:
        PydanticCustomError: `email` when it is not one plain address, `not_a_customers_email` when it is no customer's.
    """
    address = normalise_email(value)
    looked_up = lookup_email(address)
    local, _, domain = looked_up.rpartition("@")
    local = local.partition("+")[0]
    if local in _OF_MACHINES or f"{local}@{domain}" in own_addresses:
        raise PydanticCustomError("not_a_customers_email", "not a customer's address")
    return address


def normalise_phone(value: str, region: str = DEFAULT_REGION) -> str:
    """The number in E.164, such as `+8613812345678`; with an extension as RFC 3966 has it, `+12125550123;ext=12`.

    Args:
        value: as typed.
        region: whose number it is where it has no country code (ISO 3166): that of the pack. The same digits are another
            person's number elsewhere.

    Raises:
        PydanticCustomError: `phone` when no such number can exist.
    """
    number = value.strip()
    if not number.isascii():
        number = unicodedata.normalize("NFKC", number)
    code, mobile = _mobile_pattern(region)
    match = mobile.fullmatch(number.translate(_SEPARATORS))
    if match:
        return f"+{code}{match[1]}"
    return _by_library(number, region)


@lru_cache(maxsize=4096)
def _by_library(number: str, region: str) -> str:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        raise PydanticCustomError("phone", "not a phone number") from None
    if not phonenumbers.is_valid_number(parsed):
        raise PydanticCustomError("phone", "not a phone number")
    plain = str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    return f"{plain};ext={parsed.extension}" if parsed.extension else plain


def lookup_email(address: str) -> str:
    """The spelling under which an address is looked up: the local part is case-blind in practice."""
    return address.lower()


@lru_cache(maxsize=300)
def _mobile_pattern(region: str) -> tuple[str, re.Pattern[str]]:
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None and metadata.mobile is not None, region  # `phone_region` is checked with the pack
    code = str(metadata.country_code)
    return code, re.compile(rf"(?:\+{code}|00{code})?({metadata.mobile.national_number_pattern})", re.ASCII)
