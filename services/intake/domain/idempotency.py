"""When two requests are one: the same client, the same key and the same complaint.

The body is compared by a digest of what it says, not of its bytes, so that a complaint posted alone and sent again in
a batch (other spacing, other order of fields, other spelling of a moment, of an accent, of a phone number) is still the
same. Fields left at their default do not count, so a later version of the contract with a new optional field gives old
retries the same digest.

There are two versions of the digest (ADR 18). The first kept the offset that a moment was told with; the second, which is
stored now, tells it in UTC. They differ for nothing else. A stored one is not marked with its version: a request is judged
by both, so rows of either match their requests for as long as keys are kept.
"""

import hashlib
from datetime import UTC
from enum import Enum
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from services.intake.domain.complaint import Complaint

_COMPLAINT = Complaint.__pydantic_serializer__
BLANK: Final = b"\0"
"""Stands where the digest of an erased customer's request was."""


class Verdict(Enum):
    """What a request with a key that was seen before gets."""

    SAME = "same"  # the stored answer
    OTHER_BODY = "other_body"  # 422
    ERASED = "erased"  # 410: whose it was has been erased since


def digest(complaint: Complaint) -> bytes:
    """SHA-256 of what a complaint says; the same for a batch entry and a single post, and for every spelling of it."""
    told = complaint.received_at
    if told is not None and told.utcoffset():
        complaint = complaint.model_copy(update={"received_at": told.astimezone(UTC)})
    return as_told(complaint)


def as_told(complaint: Complaint) -> bytes:
    """The digest of version 1, which an earlier release may have stored: the offset of `received_at` counts."""
    return hashlib.sha256(_COMPLAINT.to_json(complaint, exclude_defaults=True)).digest()


def digest_of(operation: str, complaint_id: UUID, body: BaseModel) -> bytes:
    """SHA-256 of another operation on a complaint, so that one key cannot serve two operations."""
    said = body.__pydantic_serializer__.to_json(body, exclude_defaults=True)
    return hashlib.sha256(b"\0".join((operation.encode(), complaint_id.bytes, said))).digest()


def judge(*, stored: bytes, sent: bytes, as_told: bytes | None = None) -> Verdict:
    """Compares the digest stored under a key with that of the request at hand, or with that of version 1.

    An empty one is of a complaint that `redress recover` filed again, whose request is not known any more; `BLANK` is of
    one whose customer was erased, of whose words not even a digest is kept.
    """
    if stored == BLANK:
        return Verdict.ERASED
    return Verdict.SAME if stored in (sent, as_told, b"") else Verdict.OTHER_BODY
