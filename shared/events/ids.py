"""Identifiers: UUID version 7 (RFC 9562 §5.7), ordered by the millisecond they were drawn in."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A fresh UUIDv7. Time-ordered, so primary keys made of it grow at one end of their index."""
    return UUID(int=uuid_utils.uuid7().int)
