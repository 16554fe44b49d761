"""The error tree of a process, and which driver errors mean what.

RedressError
├── Permanent            the input can never be processed; dead letter or 4xx
├── Transient            the same call may go through later; back off and retry, or 503
└── Bug                  our own mistake; N tries, then dead letter, and an alert
"""

from enum import StrEnum

import asyncpg


class Reason(StrEnum):
    """Why something could not be processed: the closed list that metrics and dead letters use."""

    BAD_JSON = "bad_json"
    BAD_SCHEMA = "bad_schema"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    NO_TYPE = "no_type"
    EMPTY_VALUE = "empty_value"
    NO_KEY = "no_key"
    KEY_MISMATCH = "key_mismatch"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    BAD_HEADER = "bad_header"
    TOO_DEEP = "too_deep"
    FORGED = "forged"
    UNSIGNED = "unsigned"
    REFUSED_BY_DATABASE = "refused_by_database"
    HANDLER_BUG = "handler_bug"
    UNREADABLE_RECORD = "unreadable_record"
    REFUSED_BY_BROKER = "refused_by_broker"
    BEHIND_REFUSED = "behind_refused"


class RedressError(Exception):
    """Root of all errors of ours."""


class Permanent(RedressError):
    """The input can never be processed as it is."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(RedressError):
    """The same call may go through later."""

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Bug(RedressError):
    """Our own mistake."""


_TRANSIENT_CLASSES = ("08", "40", "53", "57", "58")
# SQLSTATE classes: connection, rollback (deadlock, serialization), resources (disk, memory), operator intervention, system.

_TRANSIENT_STATES = frozenset({"55P03", "25P03", "25006", "42501"})
# Lock not available, idle session ended, read-only (a standby during a failover), not yet granted.


def is_transient(error: BaseException) -> bool:
    """Whether waiting can heal it: the database or the network is away, busy, or broke a tie between transactions."""
    if isinstance(error, Transient | OSError | TimeoutError | asyncpg.InterfaceError):
        return True
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True  # a migration changed a table; asyncpg has forgotten its plans by the next try
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in _TRANSIENT_CLASSES or error.sqlstate in _TRANSIENT_STATES
    return False


def is_deployment_fault(error: BaseException) -> bool:
    """Whether the schema is not the one this code was written for: no event is to blame, a migration mends it.

    SQLSTATE class 42 (undefined table, column, function; no right to it) and 3F (undefined schema).
    """
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in ("42", "3F")


def is_refused_by_database(error: BaseException) -> bool:
    """Whether the database refused the data itself: a constraint, a type, an encoding."""
    return isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError | UnicodeError)


def safe_text(error: BaseException) -> str:
    """What may be logged of an error: its class and SQLSTATE, and the message only of errors of ours.

    Messages of foreign libraries can quote a customer's data (asyncpg: `DETAIL: Key (email)=(…)`).
    """
    if isinstance(error, RedressError):
        return f"{type(error).__name__}: {error}"
    sqlstate = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}{f' ({sqlstate})' if sqlstate else ''}"
