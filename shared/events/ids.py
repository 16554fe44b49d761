"""Identifiers: UUID version 7 (RFC 9562 §5.7), ordered by the millisecond they were drawn in."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A fresh UUIDv7. Time-ordered, so primary keys made of it grow at one end of their index."""
    return UUID(int=uuid_utils.uuid7().int)


def floor_id(unix_ms: int) -> UUID:
    """Give the smallest UUIDv7 of a millisecond, so that a smaller id was drawn before it."""
    return UUID(int=(unix_ms << 80) | (0x7 << 76) | (0x2 << 62))
