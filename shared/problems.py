"""The one table of what may be wrong with a request: names of problems with their status, names of faults in a field.

All four services answer from it. Whatever status and name belong together here belong together everywhere: a program
that knows `urn:redress:problem:not-found` from one service knows it from all. Pure; the words stand elsewhere, in the
caller's language (`services/intake/domain/wording.py` for the channel API, `shared/runtime/web/texts/` for all else).
"""

from collections.abc import Mapping
from typing import NamedTuple

MEDIA_TYPE = "application/problem+json"
"""RFC 9457."""
PREFIX = "urn:redress:problem:"


class ProblemType(NamedTuple):
    """A kind of refusal.

    Attributes:
        status: HTTP status code.
        means: what it says, for the documents.
        do: what the caller does about it, for the guide.
    """

    status: int
    means: str
    do: str


_T = ProblemType
PROBLEMS: Mapping[str, ProblemType] = {
    "malformed": _T(400, "no request that can be read", "mend the client"),
    "idempotency-key-missing": _T(400, "`Idempotency-Key` is missing or no UUID", "mend the client"),
    "not-authorised": _T(401, "the credential is missing or not valid", "get a key from the operator, or sign in again"),
    "wrong-password": _T(401, "user name or password is wrong", "ask the person again"),
    "not-allowed": _T(403, "the credential does not reach so far", "use another key or another person's session"),
    "not-yours": _T(403, "the case belongs to another department", "hand it to them"),
    "own-resolution": _T(403, "who proposed a resolution cannot record its confirmation", "let a colleague do it"),
    "resolution-disputed": _T(
        403, "the customer did not accept what this person proposed last, and a colleague may", "let the colleague propose"
    ),
    "foreign-origin": _T(403, "a browser sent this from a page that is not ours", "send it without the cookie"),
    "not-found": _T(404, "there is nothing of that name, or not for this credential", "check the address"),
    "no-such-link": _T(404, "there is nothing behind this private link", "try again in a minute if it is new"),
    "method-not-allowed": _T(405, "the address does not take this method; `Allow` lists those it takes", "mend the client"),
    "too-slow": _T(408, "the body took too long to arrive", "send it again"),
    "wrong-state": _T(409, "not possible in the state of the complaint", "read the complaint again"),
    "in-progress": _T(409, "the same request is being worked on", "send the same again after `Retry-After`"),
    "sent-before": _T(409, "the form was sent before with other words", "look at it and send it again"),
    "link-ended": _T(410, "the complaint was closed so long ago that its private link has ended", "file a new complaint"),
    "erased": _T(410, "the customer was erased since; nothing of what they told is kept", "do not send it again"),
    "too-large": _T(413, "the body is larger than this address takes", "shorten it"),
    "address-too-long": _T(414, "the address is longer than 8 KiB", "shorten it"),
    "unsupported-media-type": _T(
        415,
        "the body is not of a type (`Accept`) or coding (`Accept-Encoding`) that this address takes",
        "send what these headers of the answer name",
    ),
    "invalid": _T(422, "`errors` lists which fields are wrong and why", "mend them and send it again"),
    "not-a-form": _T(422, "the form cannot be read", "send it as a browser does, in UTF-8"),
    "unwritable": _T(422, "a text has NUL or half a character, which cannot be kept", "take it out"),
    "idempotency-key-reused": _T(422, "the key was used for another body", "send the first body, or use a new key"),
    "unknown-department": _T(422, "the policies have no such department", "use one of `GET /v1/departments`"),
    "due-in-past": _T(422, "a promised date lies in the past", "promise a later one"),
    "due-too-far": _T(422, "a promised date lies beyond the pack's limit; `detail` names the latest", "promise an earlier one"),
    "too-many": _T(429, "too many requests", "wait for `Retry-After`, send the same again"),
    "headers-too-large": _T(431, "the headers are larger than 32 KiB in all", "shorten them"),
    "unexpected": _T(500, "our fault; `request_id` is in the log", "send the same again later; tell us the id"),
    "unavailable": _T(503, "not available at the moment; nothing was changed", "wait for `Retry-After`, send the same again"),
}  # fmt: skip
"""By name: the last part of a problem's `type`."""

STATES: tuple[str, ...] = (
    "closed", "not-accepted", "already-accepted", "in-triage", "waiting-for-customer", "resolution-proposed", "no-offer",
    "offer-pending", "own-department", "about-receiver", "handled-before", "decision-final", "office-decides",
    "no-question", "no-resolution", "stale",
)  # fmt: skip
"""Why a command of staff does not fit a case as it stands: all are 409, as `wrong-state` is, and say more."""

_CODES: Mapping[str, str] = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "string_unicode": "not_text",
    "string_too_short": "blank",
    "string_too_long": "too_long",
    "string_pattern_mismatch": "not_a_code",
    "literal_error": "not_one_of",
    "enum": "not_one_of",
    "bool_type": "not_boolean",
    "bool_parsing": "not_boolean",
    "int_type": "not_a_number",
    "int_parsing": "not_a_number",
    "int_parsing_size": "not_a_number",
    "int_from_float": "not_a_number",
    "float_type": "not_a_number",
    "float_parsing": "not_a_number",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "dict_type": "not_an_object",
    "tuple_type": "not_a_list",
    "list_type": "not_a_list",
    "too_short": "too_few",
    "too_long": "too_many",
    "datetime_type": "not_a_moment",
    "datetime_parsing": "not_a_moment",
    "datetime_from_date_parsing": "not_a_moment",
    "datetime_object_invalid": "not_a_moment",
    "timezone_aware": "no_time_zone",
    "uuid_type": "not_a_uuid",
    "uuid_parsing": "not_a_uuid",
    "json_invalid": "not_json",
    "json_type": "not_json",
}


def status_of(name: str) -> int:
    """The status of a problem by its name.

    Raises:
        KeyError: there is no problem of that name.
    """
    return 409 if name in STATES else PROBLEMS[name].status


def code_of(error_type: str) -> str:
    """Our name for one of pydantic's error types; names of our own validators stand for themselves."""
    return _CODES.get(error_type, error_type)
